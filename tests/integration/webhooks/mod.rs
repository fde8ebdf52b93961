//! Webhooks: what receivers are told, in which order, and what happens where they do not answer.

mod command;
mod delivering;
mod failing;
mod judges;
mod managing;
mod mirror;
pub mod receiver;
mod skipping;

use crate::support::TestApp;
use receiver::Receiver;
use rollcall::webhook::DeliveryOutcome;
use serde_json::{Value, json};

const NOW: &str = "2026-06-15T12:00:00Z";

/// Makes a webhook and returns its global id and its secret.
#[track_caller]
fn create(app: &TestApp, url: &str, types: &[&str], more: Value) -> (String, String) {
    let mut input = json!({"name": "shop", "url": url, "types": types});
    let more = more.as_object().expect("an object").clone();
    input.as_object_mut().expect("an object").extend(more);
    let payload = app.mutate(
        "mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { \
         webhook { id } secret userErrors { code path message hint } } }",
        json!({ "input": input }),
    );
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&payload["webhook"]["id"]), text(&payload["secret"]))
}

/// Asks for fields of a webhook.
#[track_caller]
fn ask(app: &TestApp, id: &str, fields: &str) -> Value {
    let document = format!("query ($id: ID!) {{ webhook(id: $id) {{ {fields} }} }}");
    app.query(&document, json!({ "id": id }))["webhook"].take()
}

/// Tells every endpoint what is due, as the loop of a server does; returns how each turn ended.
#[track_caller]
pub fn deliver(app: &TestApp) -> Vec<DeliveryOutcome> {
    let delivery = app.app.delivery();
    let mut turns = Vec::new();
    while let Some(claim) = delivery.claim().expect("a claim") {
        turns.push(delivery.deliver(claim).expect("a turn"));
    }
    turns
}

/// Changes the country of a subscriber.
#[track_caller]
fn move_to(app: &TestApp, email: &str, country: &str) {
    app.subscriber(email, json!({ "country": country }));
}

/// The rule of people in Lithuania.
fn in_lithuania() -> Value {
    json!({"text": {"field": "country", "is": {"equals": "LT"}}})
}

/// The types of what came.
fn types_of(receiver: &Receiver) -> Vec<String> {
    let received = receiver.received().into_iter();
    received.map(|message| message.message_type()).collect()
}

/// Deletes a subscriber.
#[track_caller]
fn delete(app: &TestApp, id: &str) {
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
}
