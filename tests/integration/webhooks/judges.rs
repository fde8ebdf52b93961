//! Messages as the libraries of others judge them: `standardwebhooks` and `svix` from npm, in `tests/clients`.

use super::{create, deliver, move_to};
use crate::support::{TestApp, Workshop};
use crate::webhooks::receiver::Receiver;
use serde_json::{Value, json};

#[test]
fn two_libraries_from_npm_verify_messages() {
    let Some(clients) = Workshop::new() else {
        return;
    };
    let app = TestApp::at(super::NOW);
    let receiver = Receiver::start();
    let (id, first) = create(
        &app,
        &receiver.url,
        &["SUBSCRIBER_CREATED"],
        json!({"fields": ["firstName"]}),
    );
    let rotated = app.mutate(
        "mutation ($id: ID!) { rotateWebhookSecret(input: {id: $id}) { secret userErrors { message } } }",
        json!({ "id": id }),
    );
    app.subscriber(
        "žygis@žirgas.lt",
        json!({"firstName": "Žygimantas 🎉 \"Ž\""}),
    );
    deliver(&app);
    move_to(&app, "ona@example.com", "LT");
    deliver(&app);
    let secrets = [json!(first), rotated["secret"].clone()];
    let messages: Vec<Value> = receiver
        .received()
        .iter()
        .flat_map(|message| {
            let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
            let headers = names.map(|name| (name.to_owned(), json!(message.header(name))));
            let headers: serde_json::Map<String, Value> = headers.into_iter().collect();
            let body = message.body.clone();
            secrets
                .each_ref()
                .map(|secret| json!({"secret": secret, "headers": headers, "body": body}))
        })
        .collect();
    assert_eq!(messages.len(), 4);
    let file = clients.path().join("messages.json");
    std::fs::write(&file, json!(messages).to_string()).expect("a file");
    let judged = clients.node("webhooks.mjs", &["messages.json"]).succeeded();
    let judged: Value = serde_json::from_str(&judged).expect("JSON");
    // Each library accepts each message by each secret, and refuses another body, another id and an old time.
    assert_eq!(judged, json!({"accepted": 8, "refused": 24}));
}
