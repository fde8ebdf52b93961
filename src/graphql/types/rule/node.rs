//! Rules as flat lists of nodes: GraphQL selections cannot recurse.

use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::error::UserErrorCode;
use crate::rule::{Node, NodeName, NodeText, Problem, Warning, WarningCode, describe_nodes};
use async_graphql::{Enum, SimpleObject};

/// The kind of a node of a rule: its key.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "NodeName")]
pub enum RuleNodeKind {
    /// True if every child is true.
    All,
    /// True if at least one child is true.
    Any,
    /// True if the child is false.
    Not,
    /// Always true.
    Everyone,
    /// A test of a text.
    Text,
    /// A test of a number.
    Number,
    /// A test of a day or a date-time.
    Date,
    /// A test of a boolean.
    Boolean,
    /// A test of a list of texts.
    List,
    /// A test of the subscription status.
    Status,
    /// A test of the location of subscribers.
    Location,
    /// Membership in groups.
    Group,
    /// Membership of other segments.
    Segment,
    /// Events of subscribers.
    Event,
    /// A stable share of all subscribers.
    Random,
}

/// A node of a rule.
#[derive(SimpleObject, Debug, Clone)]
pub struct RuleNode {
    /// The path of the node in the rule, such as `all[1].not`; empty for the root. Problems, previews and explanations
    /// use the same paths.
    pub path: Text<String>,
    /// The path of the parent node; null for the root.
    pub parent_path: Option<Text<String>>,
    /// The kind of the node.
    pub kind: RuleNodeKind,
    /// The node in words.
    pub text: Text<String>,
    /// The value that a condition expects, in words; null for logic.
    pub wanted: Option<Text<String>>,
}

/// A node of a rule with the number of subscribers it matches by itself.
#[derive(SimpleObject)]
pub struct PreviewNode {
    #[graphql(flatten)]
    pub node: RuleNode,
    /// How many subscribers the node matches.
    pub match_count: i32,
}

/// A node of a rule with its answer for one subscriber.
#[derive(SimpleObject)]
pub struct ExplainedNode {
    #[graphql(flatten)]
    pub node: RuleNode,
    /// Whether the node is true for the subscriber.
    pub is_true: bool,
    /// The subscriber's value that the node tests, in words; null for logic.
    pub seen: Option<Text<String>>,
}

/// Lists the nodes of a rule, parents before children: in the order of its checked form.
pub fn list_nodes(rule: &Node) -> Vec<RuleNode> {
    let described = describe_nodes(rule);
    let parent_of = |node: &NodeText| Some(described.get(node.parent?)?.path.clone());
    let nodes = described.iter().map(|node| RuleNode {
        path: node.path.clone().into(),
        parent_path: parent_of(node).map(Text),
        kind: node.kind.into(),
        text: node.text.clone().into(),
        wanted: node.wanted.clone().map(Text),
    });
    nodes.collect()
}

/// One problem of a rule.
#[derive(SimpleObject, Debug, Clone)]
pub struct RuleProblem {
    /// The place in the rule, such as `all[1].not.group.inAny[0]`; empty for the root.
    pub path: Text<String>,
    /// The code of the problem.
    pub code: UserErrorCode,
    /// What was expected and what was found.
    pub message: Text<String>,
    /// How to fix it, if that is known.
    pub hint: Option<Text<String>>,
}

impl From<Problem> for RuleProblem {
    fn from(problem: Problem) -> Self {
        RuleProblem {
            path: problem.path.into(),
            code: problem.code.into(),
            message: problem.message.into(),
            hint: problem.hint.map(Text),
        }
    }
}

/// The code of a possible mistake in a valid rule.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "WarningCode")]
pub enum RuleWarningCode {
    /// No event of this name was ever recorded.
    UnknownEvent,
    /// None of the latest events has this property.
    UnknownProperty,
    /// The latest events have this property, but never with a value of the type that the rule tests.
    OtherPropertyType,
}

/// A possible mistake in a valid rule. The rule can be saved and evaluated nevertheless.
#[derive(SimpleObject, Debug, Clone)]
pub struct RuleWarning {
    /// The place in the rule, such as `all[1].event.name`.
    pub path: Text<String>,
    /// The code of the possible mistake.
    pub code: RuleWarningCode,
    /// What was expected and what was found.
    pub message: Text<String>,
    /// How to fix it, if that is known.
    pub hint: Option<Text<String>>,
}

impl From<Warning> for RuleWarning {
    fn from(warning: Warning) -> Self {
        RuleWarning {
            path: warning.path.into(),
            code: warning.code.into(),
            message: warning.message.into(),
            hint: warning.hint.map(Text),
        }
    }
}

/// Turns the warnings about a rule into those of the API.
pub fn list_warnings(warnings: Vec<Warning>) -> Vec<RuleWarning> {
    warnings.into_iter().map(RuleWarning::from).collect()
}

/// Turns the problems of a rule into those of the API.
pub fn list_problems(problems: Vec<Problem>) -> Vec<RuleProblem> {
    problems.into_iter().map(RuleProblem::from).collect()
}
