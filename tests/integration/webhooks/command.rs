//! `rollcall webhook`, and a server that delivers.

use super::receiver::{Receiver, Reply};
use crate::support::{Finished, Server, TestDatabase, eventually, import_text, rollcall, run};
use insta::assert_snapshot;

#[track_caller]
fn webhook(database: &TestDatabase, arguments: &[&str]) -> Finished {
    let command = ["webhook", "--database-url", &database.url];
    let open = ["--webhook-allow-http", "--webhook-allow-private"];
    run(rollcall(&command).args(open).args(arguments))
}

#[test]
fn webhooks_are_made_listed_tested_and_replayed() {
    let database = TestDatabase::new();
    let receiver = Receiver::start();
    let show = |arguments: &[&str]| {
        let secrets = regex::Regex::new("whsec_[A-Za-z0-9+/=]{44}").expect("an expression");
        let times = regex::Regex::new(r"after \d+ ms").expect("an expression");
        let shown = webhook(&database, arguments).to_string();
        let shown = secrets
            .replace_all(&shown, "SECRET")
            .replace(&receiver.url, "URL");
        let shown = times.replace_all(&shown, "after N ms");
        // The address of the receiver is as wide as its port.
        let gaps = regex::Regex::new("URL +").expect("an expression");
        gaps.replace_all(&shown, "URL  ").into_owned()
    };
    assert_snapshot!(show(&["list"]), @r#"
    exit code 0
    there are no webhooks
    "#);
    assert_snapshot!(
        show(&["create", "shop", &receiver.url, "--type", "subscriber.created", "--type", "refresh.finished", "--field", "firstName"]),
        @r#"
    exit code 0
    SECRET
    webhook 1 "shop" gets changes from now on. Its secret is shown this once:
    "#
    );
    assert_snapshot!(show(&["create", "crm", &receiver.url, "--type", "subscriber.create"]), @r#"
    exit code 2
    error: invalid value 'subscriber.create' for '--type <TYPE>': expected a type of messages; did you mean "subscriber.created"?

    For more information, try '--help'.
    "#);
    assert_snapshot!(show(&["create", "crm", &receiver.url, "--type", "refresh.failed", "--segment", "none"]), @r#"
    exit code 1
    rollcall: segments[0]: expected the key of a segment, found "none", which does not exist
    "#);
    assert_snapshot!(show(&["list"]), @r#"
    exit code 0
    ID  NAME  URL  STATE    TYPES
    1   shop  URL  enabled  subscriber.created refresh.finished
    "#);
    receiver.reply([
        Reply::Status(200, ""),
        Reply::Status(404, ""),
        Reply::Nothing,
    ]);
    assert_snapshot!(show(&["test", "shop"]), @r#"
    exit code 0
    webhook 1 "shop": answered 200 after N ms
    "#);
    assert_snapshot!(show(&["test", "1"]), @r#"
    exit code 1
    webhook 1 "shop": answered 404 after N ms
    "#);
    assert_snapshot!(show(&["test", "shop"]), @r#"
    exit code 1
    webhook 1 "shop": the receiver closed the connection without an answer after N ms
    "#);
    assert_snapshot!(show(&["test", "none"]), @r#"
    exit code 1
    rollcall: no webhook "none" exists
    "#);
    assert_snapshot!(show(&["replay", "shop", "--since", "2026-01-01T00:00:00Z"]), @r#"
    exit code 0
    webhook 1 "shop" is sent everything since 2026-01-01T00:00:00Z
    "#);
    assert_snapshot!(show(&["replay", "shop", "--since", "2999-01-01T00:00:00Z"]), @r#"
    exit code 1
    rollcall: since: expected a time that is not in the future, found 2999-01-01T00:00:00Z
    "#);
}

#[test]
fn private_addresses_and_plain_http_need_flags() {
    let database = TestDatabase::new();
    let command = |url: &str, flags: &[&str]| {
        let arguments = [
            "webhook",
            "--database-url",
            &database.url,
            "create",
            "x",
            url,
            "--type",
            "refresh.failed",
        ];
        let finished = run(rollcall(&arguments).args(flags));
        (finished.status.success(), finished.stderr)
    };
    for (url, flag) in [
        ("http://example.com/", "--webhook-allow-http"),
        ("https://127.0.0.1/", "--webhook-allow-private"),
        ("https://[::1]/", "--webhook-allow-private"),
    ] {
        let (is_made, said) = command(url, &[]);
        assert!(!is_made && said.contains(flag), "{url}: {said}");
        let (is_made, said) = command(url, &[flag]);
        assert!(is_made, "{url}: {said}");
    }
}

#[test]
fn a_server_delivers_and_another_goes_on_after_it_was_killed() {
    let database = TestDatabase::new();
    let receiver = Receiver::start();
    receiver.reply([Reply::Gate]);
    let made = webhook(
        &database,
        &[
            "create",
            "shop",
            &receiver.url,
            "--type",
            "subscriber.created",
        ],
    );
    assert!(made.status.success(), "{made}");
    let settings = [
        "--database-url",
        &database.url,
        "--webhook-allow-http",
        "--webhook-allow-private",
    ];
    let server = Server::start_with(&settings);
    let imported = import_text(&database, "subscribers", "email\nona@example.com\n", &[]);
    assert!(imported.status.success(), "{imported}");
    eventually("the message is on its way", || {
        receiver.received().len() == 1
    });
    drop(server);
    // Nobody need wait for the claim of a server that is gone.
    let mut connection = database.connect();
    let ended = diesel::RunQueryDsl::execute(
        diesel::sql_query("UPDATE webhooks SET lease_until = now()"),
        &mut connection,
    );
    assert_eq!(ended.expect("a statement"), 1);
    let _server = Server::start_with(&settings);
    eventually("the message is sent again", || {
        receiver.received().len() == 2
    });
    let received = receiver.received();
    assert_eq!(received[0].id(), received[1].id());
    assert!(received[1].is_signed_by(made.stdout.trim_end()));
    let is_recorded = "SELECT count(*) FROM webhook_attempts WHERE is_delivered";
    eventually("the attempt is recorded", || {
        database.ask(is_recorded) == "1"
    });
}
