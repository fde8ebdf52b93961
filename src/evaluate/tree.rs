//! Making the nodes of the rules of a plan out of the answers to its leaves.

use super::columns::Chunk;
use super::leaf::quantify;
use super::plan::{Plan, PlannedNode, SegmentSource};
use arrow_buffer::BooleanBuffer;
use std::collections::HashMap;

/// Visits every tree of the plan, those that others ask about first: its place, and the members of its nodes in their
/// order, of which the first is the rule itself.
pub fn combine(
    plan: &Plan,
    leaves: &[BooleanBuffer],
    chunk: &Chunk,
    mut visit: impl FnMut(usize, Vec<BooleanBuffer>),
) {
    let mut is_asked = vec![false; plan.trees.len()];
    for source in plan.trees.iter().flatten().flat_map(sources) {
        if let SegmentSource::Tree(place) = source {
            is_asked[*place] = true;
        }
    }
    let mut combiner = Combiner {
        leaves,
        chunk,
        members: HashMap::new(),
    };
    for place in &plan.order {
        let nodes = combiner.combine(&plan.trees[*place]);
        if let (true, Some(members)) = (is_asked[*place], nodes.first()) {
            combiner.members.insert(*place, members.clone());
        }
        visit(*place, nodes);
    }
}

fn sources(node: &PlannedNode) -> &[SegmentSource] {
    match node {
        PlannedNode::Segment { sources, .. } => sources,
        _ => &[],
    }
}

struct Combiner<'c> {
    leaves: &'c [BooleanBuffer],
    chunk: &'c Chunk,
    /// The members of the trees that others ask about, by place.
    members: HashMap<usize, BooleanBuffer>,
}

impl Combiner<'_> {
    fn combine(&self, tree: &[PlannedNode]) -> Vec<BooleanBuffer> {
        let exists = &self.chunk.exists;
        let nobody = || BooleanBuffer::new_unset(exists.len());
        let mut members: Vec<BooleanBuffer> = vec![BooleanBuffer::new_unset(0); tree.len()];
        // Children stand behind their parents, so that going backwards finds them done.
        for position in (0..tree.len()).rev() {
            let fold =
                |children: &[usize], step: fn(&BooleanBuffer, &BooleanBuffer) -> BooleanBuffer| {
                    let mut children = children.iter().map(|child| &members[*child]);
                    let first = children.next().cloned().unwrap_or_else(nobody);
                    children.fold(first, |so_far, child| step(&so_far, child))
                };
            let answer = match &tree[position] {
                PlannedNode::All(children) => fold(children, |left, right| left & right),
                PlannedNode::Any(children) => fold(children, |left, right| left | right),
                PlannedNode::Not(child) => exists & &!&members[*child],
                PlannedNode::Everyone => exists.clone(),
                PlannedNode::Leaf { leaf, negated } => match negated {
                    false => self.leaves[*leaf].clone(),
                    true => exists & &!&self.leaves[*leaf],
                },
                PlannedNode::Segment {
                    quantifier,
                    sources,
                } => {
                    let sets = sources.iter().map(|source| self.members_of(source));
                    quantify(*quantifier, sets).unwrap_or_else(nobody)
                }
            };
            members[position] = answer;
        }
        members
    }

    fn members_of(&self, source: &SegmentSource) -> BooleanBuffer {
        let known = match source {
            SegmentSource::Tree(place) => self.members.get(place).cloned(),
            // A stored block may still have somebody who was deleted meanwhile.
            SegmentSource::Stored(id) => self
                .chunk
                .segments
                .get(id)
                .map(|stored| stored & &self.chunk.exists),
        };
        known.unwrap_or_else(|| BooleanBuffer::new_unset(self.chunk.rows()))
    }
}
