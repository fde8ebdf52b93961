//! Making the nodes of a rule out of the answers to its leaves.

use super::plan::PlannedNode;
use arrow_buffer::BooleanBuffer;

/// Returns the members of every node of a rule, in the order of its tree: the first is the rule itself.
pub fn combine(
    tree: &[PlannedNode],
    leaves: &[BooleanBuffer],
    exists: &BooleanBuffer,
) -> Vec<BooleanBuffer> {
    let mut members: Vec<BooleanBuffer> = vec![BooleanBuffer::new_unset(0); tree.len()];
    // Children stand behind their parents, so that going backwards finds them done.
    for position in (0..tree.len()).rev() {
        let fold = |children: &[usize],
                    step: fn(&BooleanBuffer, &BooleanBuffer) -> BooleanBuffer| {
            let mut children = children.iter().map(|child| &members[*child]);
            let first = children.next().cloned();
            let first = first.unwrap_or_else(|| BooleanBuffer::new_unset(exists.len()));
            children.fold(first, |so_far, child| step(&so_far, child))
        };
        let answer = match &tree[position] {
            PlannedNode::All(children) => fold(children, |left, right| left & right),
            PlannedNode::Any(children) => fold(children, |left, right| left | right),
            PlannedNode::Not(child) => exists & &!&members[*child],
            PlannedNode::Everyone => exists.clone(),
            PlannedNode::Leaf {
                leaf,
                negated: false,
            } => leaves[*leaf].clone(),
            PlannedNode::Leaf {
                leaf,
                negated: true,
            } => exists & &!&leaves[*leaf],
        };
        members[position] = answer;
    }
    members
}
