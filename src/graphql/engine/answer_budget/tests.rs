//! Tests of `answer_budget.rs`.

use super::*;
use crate::graphql::builder;
use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use futures_util::FutureExt;
use serde_json::json;
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static MARKING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether counted fields have the type `Counted` in the schema.
pub fn is_marking() -> bool {
    MARKING.get()
}

/// Fields whose texts are short, whatever the data.
const SHORT: [(&str, &str, &str); 17] = [
    ("Actor", "keyPrefix", "made by the server"),
    ("ApiKey", "prefix", "made by the server"),
    ("AuditEntry", "action", "the name of a mutation or the like"),
    ("AuditEntry", "peer", "an address"),
    ("AuditEntry", "requestId", "bounded where it is read"),
    ("CreateApiKeyPayload", "secret", "made by the server"),
    ("CreateWebhookPayload", "secret", "made by the server"),
    ("Import", "delimiter", "one character"),
    ("Import", "encoding", "the name of an encoding"),
    ("Import", "problemsUrl", "a path with an id"),
    ("Import", "refusedUrl", "a path with an id"),
    ("Import", "uploadUrl", "a path with an id"),
    ("RotateWebhookSecretPayload", "secret", "made by the server"),
    ("RuleWord", "name", "a key of the rule language"),
    ("Settings", "refreshAt", "a time of day"),
    ("Settings", "timeZone", "the name of a time zone"),
    ("_Service", "sdl", "the schema, which has a cost"),
];

fn list_uncounted() -> Vec<(String, String)> {
    MARKING.set(true);
    let sdl = builder(true).finish().sdl();
    MARKING.set(false);
    let schema = Schema::parse(sdl, "schema.graphql");
    let schema = schema.unwrap_or_else(|partial| partial.partial);
    let mut uncounted = Vec::new();
    for (name, kind) in &schema.types {
        let fields = match kind {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            _ => continue,
        };
        for (field, definition) in fields {
            let of = definition.ty.inner_named_type();
            if !name.starts_with("__") && matches!(of.as_str(), "String" | "JSON") {
                uncounted.push((name.to_string(), field.to_string()));
            }
        }
    }
    uncounted
}

/// A new field must be counted, unless there is a reason why its values are short.
#[test]
fn every_text_and_document_is_counted_or_short() {
    let mut uncounted = list_uncounted();
    uncounted.sort();
    let mut short = SHORT.map(|(parent, field, _)| (parent.to_owned(), field.to_owned()));
    short.sort();
    assert_eq!(uncounted, short);
}

#[tokio::test]
async fn a_budget_is_exceeded_once_and_for_all() {
    let budget = AnswerBudget::new(100, &AnswerMemory::new(0));
    assert!(budget.charge(60));
    assert!(budget.charge(40));
    assert!(!budget.is_exceeded());
    assert!(!budget.charge(1));
    assert!(!budget.charge(0), "later charges fail too");
    assert!(budget.is_exceeded());
    budget.exceeded().await;
    budget.finish();
    assert!(budget.charge(100), "small answers are always made");
}

#[tokio::test]
async fn what_is_taken_back_does_not_count_unless_too_much_was_counted() {
    let memory = AnswerMemory::new(4 * SMALL);
    let budget = AnswerBudget::new(3 * SMALL, &memory);
    assert!(budget.charge(2 * SMALL));
    budget.take_back(SMALL + 1);
    assert!(budget.charge(2 * SMALL + 1));
    let other = AnswerBudget::new(4 * SMALL, &memory);
    assert!(other.charge(3 * SMALL), "two of four are held");
    assert!(!budget.charge(1));
    budget.take_back(SMALL);
    assert!(budget.is_exceeded(), "a text is missing");
}

#[tokio::test]
async fn large_answers_need_room_beside_each_other() {
    let memory = AnswerMemory::new(SMALL);
    let [first, second] = [(); 2].map(|()| AnswerBudget::new(4 * SMALL, &memory));
    assert!(first.charge(2 * SMALL));
    assert!(second.charge(SMALL));
    assert!(!second.charge(1));
    assert!(second.is_crowded_out() && !second.is_exceeded());
    second.exceeded().await;
    let read_later = first.finish();
    drop(second.finish());
    assert!(!second.charge(SMALL + 1), "the first is not read yet");
    drop((read_later, second.finish()));
    assert!(second.charge(2 * SMALL));
}

#[tokio::test]
async fn few_large_answers_are_made_at_the_same_time() {
    let memory = AnswerMemory::new(100 * SMALL);
    let new = || AnswerBudget::new(10 * SMALL, &memory);
    let mut made = Vec::new();
    while made.len() < 4 {
        let large = new();
        assert!(large.charge(2 * SMALL));
        large.take_turns().await;
        large.take_turns().await;
        made.push(large);
    }
    let small = new();
    assert!(small.charge(SMALL));
    small.take_turns().await;
    let fifth = new();
    assert!(fifth.charge(SMALL + 1));
    let mut turn = std::pin::pin!(fifth.take_turns());
    assert!(
        turn.as_mut().now_or_never().is_none(),
        "it waits for a permit"
    );
    let unread = made.pop().map(|answer| answer.finish());
    turn.await;
    drop((unread, fifth.finish()));
    made.clear();
    let permit = || memory.permit_large(false).now_or_never().flatten();
    let permits: Vec<_> = std::iter::repeat_with(permit).take(5).flatten().collect();
    assert_eq!(permits.len(), 4, "all permits are free again");
}

#[tokio::test]
async fn parts_of_answers_that_wait_together_keep_nobody_waiting() {
    let memory = AnswerMemory::new(100 * SMALL);
    let large = || {
        let budget = AnswerBudget::new(10 * SMALL, &memory);
        assert!(budget.charge(2 * SMALL));
        budget
    };
    let made: Vec<AnswerBudget> = std::iter::repeat_with(large).take(4).collect();
    for budget in &made {
        budget.take_turns().await;
    }
    let waiting: Vec<AnswerBudget> = std::iter::repeat_with(large).take(8).collect();
    // Two parts of each answer, in two rounds.
    let rounds = [&waiting, &waiting].into_iter().flatten();
    let mut parts: Vec<_> = rounds
        .map(|budget| {
            let budget = budget.clone();
            tokio::spawn(async move { budget.wait_for_permit().await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(made);
    for (place, budget) in waiting.iter().enumerate() {
        for part in [place, place + waiting.len()] {
            let ended = tokio::time::timeout(Duration::from_secs(30), &mut parts[part]).await;
            ended.expect("it has its permit").expect("no panic");
        }
        drop(budget.finish());
    }
}

#[test]
fn documents_are_written_as_they_are() {
    let document = json!({"b": [1, 2.5, null, true], "a": {"text": "t", "none": {}}});
    let written = serde_json::to_string(&write(&document)).expect("JSON");
    assert_eq!(written, document.to_string());
}

#[test]
fn documents_weigh_by_their_bytes_and_their_values() {
    let text = "x".repeat(1_000);
    assert_eq!(weigh(&json!(text)), 1_000 + JSON_VALUE);
    assert_eq!(weigh(&json!([1, 2, 3])), 4 * JSON_VALUE);
    assert_eq!(weigh(&json!({"name": {"a": text}})), 1_005 + 3 * JSON_VALUE);
}
