//! Plans any number of checked rules: equal leaves once, the union of what must be loaded, and an order in which the
//! members of a segment are known before another rule uses them.

use super::columns::{ColumnKey, GroupKey, HistoryKey};
use super::dates::resolve_window;
use super::event_plan::EventPlan;
use super::identity::Places;
use super::resolve::{ResolvedLeaf, resolve_leaf};
use rollcall_rule::{CheckedRule, EventLeaf, Leaf, Moment, NodeKind, Quantifier, TimeWindow};
use std::collections::{BTreeSet, HashMap};

/// What to load and what to evaluate for a set of rules at one moment.
#[derive(Debug, Default)]
pub struct Plan {
    /// Every distinct leaf.
    pub leaves: Vec<ResolvedLeaf>,
    /// The event conditions among them.
    pub events: EventPlan,
    /// The trees of the rules, in their order.
    pub trees: Vec<Vec<PlannedNode>>,
    /// The places of all trees, each after the trees of the segments that it uses.
    pub order: Vec<usize>,
    /// The fields to load.
    pub columns: BTreeSet<ColumnKey>,
    /// The groups whose members to load.
    pub groups: BTreeSet<GroupKey>,
    /// The ids of the segments whose stored members to load, because their rules are not in the plan or their history
    /// is needed.
    pub segments: BTreeSet<i64>,
    /// The memberships to load from the history of segments.
    pub histories: BTreeSet<HistoryKey>,
}

/// A rule to plan.
#[derive(Debug, Clone, Copy)]
pub struct PlannedRule<'r> {
    /// The id of the segment that the rule belongs to; `None` if the rule is not stored.
    pub segment_id: Option<i64>,
    /// The rule.
    pub rule: &'r CheckedRule,
}

/// A node of a rule; children are positions in its tree, leaves positions in the plan.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedNode {
    /// True if every child is true.
    All(Vec<usize>),
    /// True if at least one child is true.
    Any(Vec<usize>),
    /// True if the child is false.
    Not(usize),
    /// Always true.
    Everyone,
    /// A leaf or its complement.
    Leaf {
        /// The position in [`Plan::leaves`].
        leaf: usize,
        /// Whether the complement of the leaf is meant.
        negated: bool,
    },
    /// Membership of one or all of several segments.
    Segment {
        /// Whether one membership is enough, or all are needed.
        quantifier: Quantifier,
        /// The segments.
        asked: Vec<AskedSegment>,
        /// Which memberships count; only the present ones if absent.
        past: Option<PastMemberships>,
    },
}

/// A segment that a rule uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedSegment {
    /// Its id.
    pub id: i64,
    /// Where its present members come from.
    pub source: SegmentSource,
}

/// Which memberships of segments count, if not only the present ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastMemberships {
    /// Whether memberships that have ended count too.
    pub ever: bool,
    /// The earliest time at which a membership may have begun, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The end of the range, itself excluded.
    pub until: Option<i64>,
    /// Whether a membership that begins with this evaluation counts.
    pub counts_now: bool,
}

impl PastMemberships {
    /// Returns the key for the memberships to load from the history of a segment.
    pub fn key(&self, segment_id: i64) -> HistoryKey {
        HistoryKey {
            segment_id,
            ever: self.ever,
            from: self.from,
            until: self.until,
        }
    }

    fn new(ever: bool, joined: TimeWindow, moment: &Moment) -> Option<PastMemberships> {
        let (from, until) = resolve_window(joined, moment);
        let mut past = PastMemberships {
            ever,
            from,
            until,
            counts_now: false,
        };
        past.counts_now = past.key(0).contains(moment.now.timestamp_micros());
        (ever || joined != TimeWindow::AllTime).then_some(past)
    }
}

/// Where the members of a segment that a rule uses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentSource {
    /// Its rule, which is the tree at this place of the plan.
    Tree(usize),
    /// The stored members of the segment with this id, because its rule is not in the plan.
    Stored(i64),
}

impl Plan {
    /// Returns how many conditions the rules have, equal ones counted each time.
    pub fn count_conditions(&self) -> usize {
        let nodes = self.trees.iter().flatten();
        nodes
            .filter(|node| matches!(node, PlannedNode::Leaf { .. }))
            .count()
    }

    /// Makes the plan of these rules at a moment.
    pub fn new<'r>(rules: impl IntoIterator<Item = PlannedRule<'r>>, moment: &Moment) -> Plan {
        let rules: Vec<PlannedRule<'r>> = rules.into_iter().collect();
        let places = rules
            .iter()
            .enumerate()
            .filter_map(|(place, rule)| Some((rule.segment_id?, place)));
        let mut planner = Planner {
            plan: Plan::default(),
            moment,
            known_leaves: Places::default(),
            tree_of_segment: places.collect(),
        };
        for planned in &rules {
            let nodes = planned.rule.nodes.iter();
            let tree = nodes.map(|node| planner.plan_node(&node.kind)).collect();
            planner.plan.trees.push(tree);
        }
        let mut plan = planner.plan;
        plan.order = order_trees(&mut plan.trees);
        for node in plan.trees.iter().flatten() {
            if let PlannedNode::Segment { asked, past, .. } = node {
                let needs_stored = |asked: &&AskedSegment| {
                    past.is_some() || asked.source == SegmentSource::Stored(asked.id)
                };
                let stored = asked.iter().filter(needs_stored).map(|asked| asked.id);
                plan.segments.extend(stored);
                let keys =
                    |past: PastMemberships| asked.iter().map(move |asked| past.key(asked.id));
                plan.histories.extend(past.iter().copied().flat_map(keys));
            }
        }
        plan
    }
}

struct Planner<'m> {
    plan: Plan,
    moment: &'m Moment,
    known_leaves: Places<Leaf>,
    tree_of_segment: HashMap<i64, usize>,
}

impl Planner<'_> {
    fn plan_node(&mut self, kind: &NodeKind) -> PlannedNode {
        match kind {
            NodeKind::All(children) => PlannedNode::All(children.clone()),
            NodeKind::Any(children) => PlannedNode::Any(children.clone()),
            NodeKind::Not(child) => PlannedNode::Not(*child),
            NodeKind::Everyone => PlannedNode::Everyone,
            NodeKind::Segment {
                quantifier,
                ids,
                ever,
                joined,
            } => {
                let asked = |id: &i64| AskedSegment {
                    id: *id,
                    source: match self.tree_of_segment.get(id) {
                        Some(place) => SegmentSource::Tree(*place),
                        None => SegmentSource::Stored(*id),
                    },
                };
                PlannedNode::Segment {
                    quantifier: *quantifier,
                    asked: ids.iter().map(asked).collect(),
                    past: PastMemberships::new(*ever, *joined, self.moment),
                }
            }
            NodeKind::Leaf { leaf, negated } => {
                let position = self.known_leaves.find(leaf).unwrap_or_else(|| {
                    let plan = &mut self.plan;
                    let events = &mut plan.events;
                    let mut plan_event = |event: &EventLeaf| events.add(event, self.moment);
                    let resolved = resolve_leaf(leaf, self.moment, &mut plan_event);
                    resolved.list_needs(&mut plan.columns, &mut plan.groups);
                    plan.leaves.push(resolved);
                    self.known_leaves.insert(leaf, plan.leaves.len() - 1);
                    plan.leaves.len() - 1
                });
                PlannedNode::Leaf {
                    leaf: position,
                    negated: *negated,
                }
            }
        }
    }
}

/// Returns the places of the trees, each after the trees of the segments that it uses.
///
/// The check refuses cycles. If there is a cycle all the same, the reference that closes it is dropped.
fn order_trees(trees: &mut [Vec<PlannedNode>]) -> Vec<usize> {
    let mut marks = vec![Mark::Unseen; trees.len()];
    let mut order = Vec::with_capacity(trees.len());
    for start in 0..trees.len() {
        // Without recursion: a chain of segments may be longer than the stack.
        let mut path = vec![start];
        while let Some(place) = path.last().copied() {
            if marks[place] == Mark::Unseen {
                marks[place] = Mark::Open;
                drop_closing(&mut trees[place], &marks);
                path.extend(asked_trees(&trees[place]).filter(|next| marks[*next] == Mark::Unseen));
                continue;
            }
            path.pop();
            if marks[place] == Mark::Open {
                marks[place] = Mark::Done;
                order.push(place);
            }
        }
    }
    order
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    Open,
    Done,
}

fn asked_trees(tree: &[PlannedNode]) -> impl Iterator<Item = usize> {
    tree.iter()
        .flat_map(|node| match node {
            PlannedNode::Segment { asked, .. } => asked.as_slice(),
            _ => &[],
        })
        .filter_map(|asked| match asked.source {
            SegmentSource::Tree(place) => Some(place),
            SegmentSource::Stored(_) => None,
        })
}

fn drop_closing(tree: &mut [PlannedNode], marks: &[Mark]) {
    for node in tree {
        if let PlannedNode::Segment { asked, .. } = node {
            let is_open = |asked: &AskedSegment| match asked.source {
                SegmentSource::Tree(place) => marks[place] == Mark::Open,
                SegmentSource::Stored(_) => false,
            };
            asked.retain(|asked| !is_open(asked));
        }
    }
}
