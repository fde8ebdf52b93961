//! The subscription `changed`.

use super::{NOW, position};
use crate::history::OtherServer;
use crate::support::TestApp;
use serde_json::{Value, json};

const LISTEN: &str = "subscription ($after: ID, $kinds: [ChangeKind!]) { changed(after: $after, kinds: $kinds) { \
    kind position fields subscriberIds subscribers { id email } nodeId group { key } segment { key } customField { key } } }";

#[test]
fn changes_of_another_server_are_told_as_they_happen() {
    let app = TestApp::at(NOW);
    let server = OtherServer::over(&app);
    let known = position(&app);
    app.subscriber("ona@example.com", json!({}));
    let mut listener = server.listen(LISTEN, json!({ "after": known }));
    let first = listener.next().expect("an item");
    assert_eq!(super::line(&first), "SUBSCRIBER_CREATED: ona");
    app.subscriber("jonas@example.com", json!({}));
    app.subscriber("jonas@example.com", json!({"city": "Riga"}));
    for line in [
        "SUBSCRIBER_CREATED: jonas",
        "SUBSCRIBER_UPDATED (city): jonas",
    ] {
        assert_eq!(super::line(&listener.next().expect("an item")), line);
    }
    // Whoever comes back after an item is told what follows it.
    let mut again = server.listen(
        LISTEN,
        json!({"after": first["position"], "kinds": ["SUBSCRIBER_UPDATED"]}),
    );
    assert_eq!(
        super::line(&again.next().expect("an item")),
        "SUBSCRIBER_UPDATED (city): jonas"
    );
}

#[test]
fn a_history_that_is_renewed_meanwhile_ends_it() {
    let app = TestApp::at(NOW);
    let server = OtherServer::over(&app);
    let known = position(&app);
    let mut listener = server.listen(LISTEN, json!({ "after": known }));
    app.subscriber("ona@example.com", json!({}));
    listener.next().expect("an item");
    app.database.execute("SELECT renew_history()");
    app.subscriber("jonas@example.com", json!({}));
    assert_eq!(listener.next(), Err("RESYNC".to_owned()));
    let refused = server.listen(LISTEN, json!({ "after": known })).next();
    assert_eq!(refused, Err("RESYNC".to_owned()));
    let refused = server.listen(LISTEN, json!({ "after": "x" })).next();
    assert_eq!(refused, Err("BAD_USER_INPUT".to_owned()));
    let _: Value = known;
}
