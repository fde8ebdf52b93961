//! The nodes of a rule in words, as the checker lists them.

use crate::{catalogue, parsed};
use insta::assert_snapshot;
use rollcall_rule::{NodeKind, NodeName, check_rule, describe_nodes};
use serde_json::{Value, json};

/// A rule with every kind of node.
fn broad_rule() -> Value {
    json!({"all": [
        {"text": {"field": "country", "is": {"in": ["LT", "LV", "EE"]}}},
        {"not": {"any": [
            {"number": {"field": "custom.visits", "is": {"atLeast": 100}}},
            {"not": {"date": {"field": "custom.renewal", "is": {"isToday": true}}}},
            {"boolean": {"field": "custom.vip", "is": {"isTrue": true}}},
        ]}},
        {"any": [
            {"list": {"field": "custom.tags", "is": {"containsNone": ["a", "b"]}}},
            {"everyone": true},
            {"status": {"in": ["SUBSCRIBED", "PENDING"]}},
        ]},
        {"location": {"within": {"latitude": 54.69, "longitude": 25.28, "radiusKm": 25}}},
        {"group": {"inAll": ["staff", "press"]}},
        {"segment": {"inAny": ["loyal"]}},
        {"event": {"name": "purchase", "sum": {"atLeast": 100}}},
        {"event": {"name": "purchase", "inTheLast": {"amount": 1, "unit": "MONTH"}}},
        {"random": {"salt": "spring", "fromPercent": 0, "toPercent": 50}},
    ]})
}

#[test]
fn nodes_stand_in_the_order_and_with_the_paths_of_the_checker() {
    let rules = [
        broad_rule(),
        json!({"everyone": true}),
        json!({"not": {"not": {"any": [{"everyone": true}]}}}),
    ];
    for rule in rules {
        let node = parsed(&rule);
        let checked = check_rule(&node, &catalogue(), None).expect("every name is known");
        let described = describe_nodes(&node);
        assert_eq!(described.len(), checked.nodes.len());
        for (described, checked) in described.iter().zip(&checked.nodes) {
            assert_eq!(described.path, checked.path);
            assert_eq!(described.parent, checked.parent);
            let is_logic = match checked.kind {
                NodeKind::All(_) => described.kind == NodeName::All,
                NodeKind::Any(_) => described.kind == NodeName::Any,
                NodeKind::Not(_) => described.kind == NodeName::Not,
                NodeKind::Everyone => described.kind == NodeName::Everyone,
                NodeKind::Leaf { .. } | NodeKind::Segment { .. } => false,
            };
            assert_eq!(described.wanted.is_none(), is_logic, "{described:?}");
        }
    }
}

#[test]
fn every_kind_of_node_is_named() {
    let described = describe_nodes(&parsed(&broad_rule()));
    for kind in NodeName::ALL {
        assert!(described.iter().any(|node| node.kind == kind), "{kind:?}");
    }
}

#[test]
fn nodes_in_words() {
    let described = describe_nodes(&parsed(&broad_rule()));
    let lines = described.iter().map(|node| {
        let parent = node
            .parent
            .map_or("-".to_owned(), |parent| parent.to_string());
        let wanted = node.wanted.as_deref().unwrap_or("-");
        let kind = node.kind.as_str();
        format!(
            "[{}] < {parent} {kind}: {} | {wanted}",
            node.path, node.text
        )
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
