//! From any number of checked rules to one plan: equal leaves once, and the union of what must be loaded.

use super::columns::ColumnKey;
use super::resolve::{EventLeaf, ResolvedLeaf, resolve_leaf};
use crate::rule::{CheckedRule, Moment, NodeKind};
use std::collections::{BTreeSet, HashMap};

/// What to load and what to evaluate for a set of rules at one moment.
#[derive(Debug)]
pub struct Plan {
    /// Every distinct leaf.
    pub leaves: Vec<ResolvedLeaf>,
    /// The event conditions among them, to which [`ResolvedLeaf::Event`] refers by position.
    pub event_leaves: Vec<EventLeaf>,
    /// The trees of the rules, in their order.
    pub trees: Vec<Vec<PlannedNode>>,
    /// The fields to load.
    pub columns: BTreeSet<ColumnKey>,
    /// The ids of the groups whose members to load.
    pub groups: BTreeSet<i64>,
}

/// A node of a rule; children are positions in its tree, leaves positions in the plan.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedNode {
    /// True where every child is true.
    All(Vec<usize>),
    /// True where at least one child is true.
    Any(Vec<usize>),
    /// True where the child is false.
    Not(usize),
    /// Always true.
    Everyone,
    /// A leaf or its complement.
    Leaf {
        /// The position in [`Plan::leaves`].
        leaf: usize,
        /// Whether its complement is meant.
        negated: bool,
    },
}

impl Plan {
    /// Makes the plan of these rules at a moment.
    pub fn new<'r>(rules: impl IntoIterator<Item = &'r CheckedRule>, moment: &Moment) -> Plan {
        let mut plan = Plan {
            leaves: Vec::new(),
            event_leaves: Vec::new(),
            trees: Vec::new(),
            columns: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        let mut places: HashMap<String, usize> = HashMap::new();
        for rule in rules {
            let tree = rule
                .nodes
                .iter()
                .map(|node| plan.plan_node(&node.kind, moment, &mut places))
                .collect();
            plan.trees.push(tree);
        }
        plan
    }

    fn plan_node(
        &mut self,
        kind: &NodeKind,
        moment: &Moment,
        places: &mut HashMap<String, usize>,
    ) -> PlannedNode {
        match kind {
            NodeKind::All(children) => PlannedNode::All(children.clone()),
            NodeKind::Any(children) => PlannedNode::Any(children.clone()),
            NodeKind::Not(child) => PlannedNode::Not(*child),
            NodeKind::Everyone => PlannedNode::Everyone,
            NodeKind::Leaf { leaf, negated } => {
                // The debug form writes every part of a leaf, so that equal texts mean equal leaves.
                let position = *places.entry(format!("{leaf:?}")).or_insert_with(|| {
                    let resolved = resolve_leaf(leaf, moment, &mut self.event_leaves);
                    resolved.list_needs(&mut self.columns, &mut self.groups);
                    self.leaves.push(resolved);
                    self.leaves.len() - 1
                });
                PlannedNode::Leaf {
                    leaf: position,
                    negated: *negated,
                }
            }
        }
    }
}
