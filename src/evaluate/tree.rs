//! Computes the nodes of the rules of a plan from the answers to its leaves.

use super::columns::Chunk;
use super::kernels::quantify;
use super::plan::{AskedSegment, PastMemberships, Plan, PlannedNode, SegmentSource};
use arrow_buffer::BooleanBuffer;
use std::collections::HashMap;

/// Visits every tree of the plan, each after the trees that it uses. `visit` gets the place of the tree and the members
/// of its nodes in their order. The first node is the rule itself.
pub fn combine(
    plan: &Plan,
    leaves: &[BooleanBuffer],
    chunk: &Chunk,
    mut visit: impl FnMut(usize, Vec<BooleanBuffer>),
) {
    let mut is_asked = vec![false; plan.trees.len()];
    for asked in plan.trees.iter().flatten().flat_map(asked_segments) {
        if let SegmentSource::Tree(place) = asked.source {
            is_asked[place] = true;
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

fn asked_segments(node: &PlannedNode) -> &[AskedSegment] {
    match node {
        PlannedNode::Segment { asked, .. } => asked,
        _ => &[],
    }
}

struct Combiner<'c> {
    leaves: &'c [BooleanBuffer],
    chunk: &'c Chunk,
    /// The members of the trees that other trees use, by place.
    members: HashMap<usize, BooleanBuffer>,
}

impl Combiner<'_> {
    fn combine(&self, tree: &[PlannedNode]) -> Vec<BooleanBuffer> {
        let exists = &self.chunk.exists;
        let nobody = || BooleanBuffer::new_unset(exists.len());
        let mut members: Vec<BooleanBuffer> = vec![BooleanBuffer::new_unset(0); tree.len()];
        // Children come after their parents, so they are done first when going backwards.
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
                    asked,
                    past,
                } => {
                    let sets = asked.iter().map(|asked| match past {
                        None => self.members_of(asked.source),
                        Some(past) => self.past_members_of(asked, past),
                    });
                    quantify(*quantifier, sets).unwrap_or_else(nobody)
                }
            };
            members[position] = answer;
        }
        members
    }

    fn members_of(&self, source: SegmentSource) -> BooleanBuffer {
        match source {
            SegmentSource::Tree(place) => self.members.get(&place).cloned(),
            SegmentSource::Stored(id) => return self.stored(id),
        }
        .unwrap_or_else(|| BooleanBuffer::new_unset(self.chunk.rows()))
    }

    /// Returns the stored members of a segment. A stored block may still contain subscribers who were deleted meanwhile.
    fn stored(&self, id: i64) -> BooleanBuffer {
        self.existing(self.chunk.segments.get(&id))
    }

    fn existing(&self, members: Option<&BooleanBuffer>) -> BooleanBuffer {
        match members {
            Some(members) => members & &self.chunk.exists,
            None => BooleanBuffer::new_unset(self.chunk.rows()),
        }
    }

    /// Returns the subscribers with a membership of a segment that counts. It is stored, or it begins with this
    /// evaluation because the segment has a member who is not stored yet.
    fn past_members_of(&self, asked: &AskedSegment, past: &PastMemberships) -> BooleanBuffer {
        let present = self.members_of(asked.source);
        let stored = self.stored(asked.id);
        let history = self.existing(self.chunk.histories.get(&past.key(asked.id)));
        let begun = if past.ever {
            history
        } else {
            &present & &history
        };
        match past.counts_now {
            true => &begun | &(&present & &!&stored),
            false => begun,
        }
    }
}
