//! The examples of the chapter about rules say what their rules mean.

use crate::catalogue;
use rollcall_rule::{parse_and_check, summarize};
use std::fmt::Write;
use std::path::Path;

#[test]
fn every_example_of_the_chapter_is_a_rule_and_means_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let chapter = std::fs::read_to_string(path).expect("a text");
    let mut differences = String::new();
    let mut examples = 0;
    for line in chapter.lines().filter(|line| line.starts_with("| `{")) {
        let (rule, words) = line
            .trim_start_matches("| `")
            .trim_end_matches(" |")
            .split_once("` | ")
            .expect("two cells");
        let value = serde_json::from_str(rule).expect("JSON");
        let checked = parse_and_check(&value, &catalogue(), None);
        let (node, _) = checked.unwrap_or_else(|problems| panic!("{rule}: {problems:?}"));
        let summary = summarize(&node);
        examples += 1;
        if words != summary {
            let _ = writeln!(differences, "| `{rule}` | {summary} |");
        }
    }
    assert!(examples > 20, "{examples} examples were found");
    assert!(
        differences.is_empty(),
        "these rows should be:\n{differences}"
    );
}
