//! Two mirrors of a whole audience, one kept by `changes(after:)` alone and one by webhooks alone: people with their fields,
//! statuses, groups and the members of segments. Two servers share the database; they and the receiver are killed at random
//! moments, and a backup is restored on the way.
//!
//! `ROLLCALL_MIRROR_EDITS=2000` makes so many edits instead of a few hundred. `ROLLCALL_MIRROR_SEED` chooses others.

mod audience;
mod edits;
mod listening;
mod polling;
mod receiving;

use crate::operating::{back_up, on, replacing::leave, text};
use crate::support::{Server, TestDatabase, eventually};
use audience::Audience;
use diesel::connection::SimpleConnection;
use edits::{Dice, Editor};
use listening::WebhookMirror;
use polling::ChangeMirror;
use receiving::ReceiverProcess;
use serde_json::{Value, json};
use std::time::Duration;

/// How many edits there are, unless `ROLLCALL_MIRROR_EDITS` says so.
const EDITS: u32 = 300;
/// After how many edits a server is killed, and half-way between the receiver.
const KILL_EVERY: u32 = 75;
/// How many edits are under way when a process is killed.
const BURST: u32 = 6;

/// Two servers on one database, which are killed and started again.
struct Servers<'d> {
    database: &'d TestDatabase,
    running: [Server; 2],
}

impl<'d> Servers<'d> {
    fn start(database: &'d TestDatabase) -> Servers<'d> {
        Servers {
            database,
            running: [start(database), start(database)],
        }
    }

    fn addresses(&self) -> [String; 2] {
        let [one, other] = &self.running;
        [one.address.clone(), other.address.clone()]
    }

    /// Asks one of them, which runs.
    #[track_caller]
    fn ask(&self, document: &str, variables: Value) -> Value {
        let (_, mut answer) = self.running[0].post(document, variables);
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].take()
    }

    /// Kills one of them while edits are under way, and starts another in its place.
    fn kill_one(&mut self, dice: &mut Dice, editor: &mut Editor) {
        let number = dice.below(2) as usize;
        let pause = Duration::from_millis(dice.below(60).into());
        let addresses = self.addresses();
        std::thread::scope(|scope| {
            let editing = scope.spawn(|| {
                for _ in 0..BURST {
                    editor.edit_one(&addresses);
                }
            });
            std::thread::sleep(pause);
            self.running[number].kill_now();
            editing.join().expect("the edits end");
        });
        self.running[number] = start(self.database);
        self.let_waits_end();
    }

    /// Lets the lease of a server that was killed and the pause after a failure end at once, as an hour would.
    fn let_waits_end(&self) {
        execute(
            self.database,
            "UPDATE webhooks SET lease_until = NULL, next_attempt_at = now()",
        );
    }
}

/// Runs statements on a connection of their own: a restore ends those that are open.
fn execute(database: &TestDatabase, statements: &str) {
    let executed = database.connect().batch_execute(statements);
    executed.expect("the statements run");
}

fn start(database: &TestDatabase) -> Server {
    Server::start_with(&[
        "--database-url",
        &database.url,
        "--webhook-allow-http",
        "--webhook-allow-private",
    ])
}

/// Makes what the edits need: a custom field, groups and segments of both modes.
fn prepare(servers: &Servers<'_>) {
    servers.ask(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    for key in edits::GROUPS {
        servers.ask(
            "mutation ($key: String!) { createGroup(input: {key: $key}) { userErrors { message } } }",
            json!({ "key": key }),
        );
    }
    for (key, mode, rule) in edits::segments() {
        let payload = servers.ask(
            "mutation ($key: String!, $mode: SegmentMode, $rule: JSON!) { createSegment(input: {key: $key, mode: $mode, ruleJson: $rule}) { userErrors { message } } }",
            json!({"key": key, "mode": mode, "rule": rule}),
        );
        assert_eq!(payload["createSegment"]["userErrors"], json!([]), "{key}");
    }
}

/// A number that the environment may give.
fn given(variable: &str, usual: u32) -> u32 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |given| given.parse().expect("a number"))
}

#[test]
fn mirrors_by_changes_and_by_webhooks_alone_are_the_audience_whatever_is_killed() {
    let edits = given("ROLLCALL_MIRROR_EDITS", EDITS);
    let database = TestDatabase::new();
    let dir = tempfile::tempdir().expect("a directory");
    let mut servers = Servers::start(&database);
    prepare(&servers);
    let mut receiver = ReceiverProcess::start(dir.path());
    let webhook = WebhookMirror::create(&servers, &receiver.url());
    let mut told = WebhookMirror::load(&servers);
    let mut polled = ChangeMirror::load(&servers);
    let mut dice = Dice::new(given("ROLLCALL_MIRROR_SEED", 1));
    let mut editor = Editor::new(dice.fork());
    let mut backup = None;
    for number in 1..=edits {
        editor.edit(&database, &servers.addresses());
        if number % KILL_EVERY == 0 {
            servers.kill_one(&mut dice, &mut editor);
        }
        if number % KILL_EVERY == KILL_EVERY / 2 {
            receiver.kill_while(&mut dice, || {
                for _ in 0..BURST {
                    editor.edit(&database, &servers.addresses());
                }
            });
            servers.let_waits_end();
        }
        if number == edits / 3 {
            backup = Some(back_up(&database, dir.path()));
        }
        if number == edits * 2 / 3 {
            servers.running.iter_mut().for_each(Server::kill_now);
            leave(&database);
            let path = backup.as_deref().expect("a backup");
            let restored = on(&database, &["restore", "--replace", text(path)]);
            assert!(restored.status.success(), "{restored}");
            servers = Servers::start(&database);
            // A restore disables webhooks.
            WebhookMirror::enable(&servers, &webhook);
        }
        if dice.below(8) == 0 {
            polled.catch_up(&servers);
            told.take(&servers, &mut receiver);
        }
    }
    finish(&servers, &mut receiver, &mut polled, &mut told);
    assert_eq!(polled.resyncs, 1, "the restored backup is said");
    assert_eq!(told.resyncs, 1, "to the receiver too");
    assert!(
        told.messages > edits as usize / 8,
        "{} messages",
        told.messages
    );
    editor.assert_everything_was_done();
}

/// Waits until everything is told, and compares the mirrors with the audience.
#[track_caller]
fn finish(
    servers: &Servers<'_>,
    receiver: &mut ReceiverProcess,
    polled: &mut ChangeMirror,
    told: &mut WebhookMirror,
) {
    servers.let_waits_end();
    let still = "SELECT (SELECT count(*) FROM touches) + (SELECT count(*) FROM imports WHERE state IN ('waiting', 'ready', 'running') OR undo_asked_at IS NOT NULL AND state <> 'undone') \
         + (SELECT count(*) FROM refreshes WHERE state = 'running')";
    eventually("nothing is under way any more", || {
        servers.database.ask(still) == "0"
    });
    let mut expected = Audience::default();
    let mut found = (Audience::default(), Audience::default());
    for _ in 0..400 {
        polled.catch_up(servers);
        told.take(servers, receiver);
        expected = Audience::load(servers);
        found = (polled.audience.clone(), told.audience.clone());
        if found.0 == expected && found.1 == expected {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(found.0, expected, "the mirror by changes");
    assert_eq!(found.1, expected, "the mirror by webhooks");
    assert!(expected.is_worth_it(), "{expected:?}");
}
