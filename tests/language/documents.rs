//! Stored rules: documents of every version that was ever written read the same for ever.

use crate::columns::read;
use insta::assert_debug_snapshot;
use rollcall_rule::{
    Code, DOCUMENT_VERSION, Node, Upgrade, parse_rule, read_document, upgrade_document,
    write_document,
};
use serde_json::{Value, json};

/// A document of version 1 with every node and every test.
const V1: &str = include_str!("fixtures/v1.json");

#[test]
fn a_document_of_version_1_reads_the_same_for_ever() {
    let document: Value = serde_json::from_str(V1).expect("JSON");
    let node = read_document(&document).expect("a rule of version 1");
    read(&document["root"]).expect("names that are known");
    assert_debug_snapshot!("v1", node);
}

#[test]
fn what_is_written_is_read_again() {
    let rule = json!({"not": {"status": {"in": ["PENDING"]}}});
    let document = write_document(&rule);
    assert_eq!(document, json!({"v": DOCUMENT_VERSION, "root": rule}));
    assert_eq!(read_document(&document), parse_rule(&rule));
}

/// Steps of a language that never was: version 2 knows `everyone` where version 1 had `everybody`, version 3 knows no
/// bare list of nodes for `all`.
const STEPS: [Upgrade; 2] = [
    |root| match root.get("everybody") {
        Some(flag) => json!({ "everyone": flag }),
        None => root,
    },
    |root| {
        if root.is_array() {
            json!({ "all": root })
        } else {
            root
        }
    },
];

#[test]
fn old_documents_are_upgraded_step_by_step() {
    let upgraded = |version: u64, root: Value| {
        upgrade_document(&json!({"v": version, "root": root}), &STEPS).expect("a known version")
    };
    let everyone = json!({"everyone": true});
    assert_eq!(upgraded(1, json!({"everybody": true})), everyone);
    assert_eq!(upgraded(2, json!([everyone])), json!({"all": [everyone]}));
    // A step is taken only from the version that it leads on from.
    assert_eq!(
        upgraded(2, json!({"everybody": true})),
        json!({"everybody": true})
    );
    assert_eq!(upgraded(3, json!([everyone])), json!([everyone]));
    assert_eq!(
        parse_rule(&upgraded(1, json!({"everybody": true}))),
        Ok(Node::Everyone)
    );
}

#[test]
fn documents_of_other_versions_are_refused() {
    for version in [
        json!(0),
        json!(4),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(u64::MAX),
        json!(null),
    ] {
        let document = json!({"v": version, "root": {"everyone": true}});
        let problems = upgrade_document(&document, &STEPS).expect_err("an unknown version");
        assert_eq!(problems[0].code, Code::UnknownVersion);
        let message =
            format!("expected a stored rule of a version from 1 to 3, found version {version}");
        assert_eq!(problems[0].message, message);
        assert!(read_document(&document).is_err(), "{version}");
    }
}
