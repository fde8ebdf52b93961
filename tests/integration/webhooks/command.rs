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
        let shown = secrets.replace_all(&shown, "SECRET").replace(&receiver.url, "URL");
        times.replace_all(&shown, "after N ms").into_owned()
    };
    assert_snapshot!(show(&["list"]), @"");
    assert_snapshot!(
        show(&["create", "shop", &receiver.url, "--type", "subscriber.created", "--type", "refresh.finished", "--field", "firstName"]),
        @""
    );
    assert_snapshot!(show(&["create", "crm", &receiver.url, "--type", "subscriber.create"]), @"");
    assert_snapshot!(show(&["create", "crm", &receiver.url, "--type", "refresh.failed", "--segment", "none"]), @"");
    assert_snapshot!(show(&["list"]), @"");
    receiver.reply([Reply::Status(200, ""), Reply::Status(404, ""), Reply::Nothing]);
    assert_snapshot!(show(&["test", "shop"]), @"");
    assert_snapshot!(show(&["test", "1"]), @"");
    assert_snapshot!(show(&["test", "shop"]), @"");
    assert_snapshot!(show(&["test", "none"]), @"");
    assert_snapshot!(show(&["replay", "shop", "--since", "2026-01-01T00:00:00Z"]), @"");
    assert_snapshot!(show(&["replay", "shop", "--since", "2999-01-01T00:00:00Z"]), @"");
}

#[test]
fn private_addresses_and_plain_http_need_flags() {
    let database = TestDatabase::new();
    let command = |url: &str, flags: &[&str]| {
        let arguments = ["webhook", "--database-url", &database.url, "create", "x", url, "--type", "refresh.failed"];
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
    let made = webhook(&database, &["create", "shop", &receiver.url, "--type", "subscriber.created"]);
    assert!(made.status.success(), "{made}");
    let settings = ["--database-url", &database.url, "--webhook-allow-http", "--webhook-allow-private"];
    let server = Server::start_with(&settings);
    let imported = import_text(&database, "subscribers", "email\nona@example.com\n", &[]);
    assert!(imported.status.success(), "{imported}");
    eventually("the message is on its way", || receiver.received().len() == 1);
    drop(server);
    // Nobody need wait for the claim of a server that is gone.
    let mut connection = database.connect();
    let ended = diesel::RunQueryDsl::execute(diesel::sql_query("UPDATE webhooks SET lease_until = now()"), &mut connection);
    assert_eq!(ended.expect("a statement"), 1);
    let _server = Server::start_with(&settings);
    eventually("the message is sent again", || receiver.received().len() == 2);
    let received = receiver.received();
    assert_eq!(received[0].id(), received[1].id());
    assert!(received[1].is_signed_by(made.stdout.trim_end()));
    let is_recorded = "SELECT count(*) FROM webhook_attempts WHERE is_delivered";
    eventually("the attempt is recorded", || database.ask(is_recorded) == "1");
}
