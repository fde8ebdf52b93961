//! A refresh that is killed.

use super::{assert_members_are_of_last_success, audience, count_refreshes, members};
use crate::support::{Held, Server, TestApp, rollcall, run};
use serde_json::json;
use std::process::Child;
use std::time::Instant;

/// Starts `rollcall refresh` as of that time.
fn start(app: &TestApp, now: &str) -> Child {
    let url = &app.database.url;
    let mut command = rollcall(&[
        "refresh",
        "--database-url",
        url,
        "--now",
        now,
        "--workers",
        "2",
    ]);
    // What a killed process prints does not matter.
    command.stdout(std::process::Stdio::null());
    command.spawn().expect("the program starts")
}

fn kill(mut child: Child) {
    // SIGKILL: no handler runs, no connection is closed properly.
    child.kill().expect("the refresh still runs");
    child.wait().expect("a killed child ends");
}

fn killed_while_waiting(hold: impl Fn(&TestApp) -> Held) {
    let app = audience(60_000);
    app.refresh();
    let before = members(&app);

    let held = hold(&app);
    let refreshing = start(&app, "2026-03-09T00:00:00Z");
    app.database.wait_for_waiting(1);
    assert_eq!(count_refreshes(&app, "running"), "1");
    kill(refreshing);
    drop(held);
    app.database.wait_for_end_of_processes();

    assert_eq!(members(&app), before, "the old members stand exactly");
    assert_eq!(assert_members_are_of_last_success(&app), 1);

    app.set_time("2026-03-11T00:00:00Z");
    app.refresh();
    assert_eq!(count_refreshes(&app, "running"), "0");
    assert_eq!(count_refreshes(&app, "failed"), "1");
    assert_eq!(assert_members_are_of_last_success(&app), 2);
    assert_ne!(members(&app), before);
}

#[test]
fn killed_before_it_writes() {
    killed_while_waiting(|app| app.database.hold_writing());
}

#[test]
fn killed_when_it_has_written_the_members_but_not_their_totals() {
    killed_while_waiting(|app| app.database.hold_totals());
}

#[test]
fn killed_at_any_moment() {
    let app = audience(200_000);
    let day = |number: usize| format!("2026-03-{number:02}T00:00:00Z");
    let started = Instant::now();
    let first = run(&mut rollcall(&[
        "refresh",
        "--database-url",
        &app.database.url,
        "--now",
        &day(1),
    ]));
    assert!(first.status.success(), "{first}");
    let whole = started.elapsed();

    let moments = 8;
    let mut killed = 0;
    let mut succeeded = assert_members_are_of_last_success(&app);
    for moment in 1..=moments {
        let mut refreshing = start(&app, &day(1 + moment));
        std::thread::sleep(whole.mul_f64((moment as f64) / (moments as f64 + 1.0)));
        let ended = refreshing.try_wait().expect("a child can be asked");
        if ended.is_none() {
            kill(refreshing);
            killed += 1;
        }
        app.database.wait_for_end_of_processes();
        let now_succeeded = assert_members_are_of_last_success(&app);
        assert!(now_succeeded <= succeeded + 1);
        succeeded = now_succeeded;
    }
    assert!(
        killed > 0,
        "none of them ran long enough to be killed in {whole:?}"
    );
    app.set_time(&day(20));
    app.refresh();
    assert_eq!(count_refreshes(&app, "running"), "0");
    assert_eq!(assert_members_are_of_last_success(&app), succeeded + 1);
}

/// A server that is killed while it refreshes leaves nothing that the next one stumbles over.
#[test]
fn a_killed_server_is_followed_by_another() {
    let app = audience(10_000);
    app.refresh();
    let before = members(&app);
    let held = app.database.hold_writing();
    let server = Server::start(&app.database);
    let address = server.address.clone();
    let asking = std::thread::spawn(move || {
        // Cut off with the server.
        let request = ureq::post(format!("http://{address}/graphql"));
        request
            .send_json(
                json!({ "query": "mutation { refreshSegments(input: {}) { refresh { id } } }" }),
            )
            .is_err()
    });
    app.database.wait_for_waiting(1);
    server.kill();
    assert!(asking.join().expect("no panic"));
    drop(held);
    assert_eq!(members(&app), before);

    let next = Server::start(&app.database);
    let (_, answer) = next.post(
        "mutation { refreshSegments(input: {}) { refresh { state } userErrors { message } } }",
        json!({}),
    );
    assert_eq!(
        answer["data"]["refreshSegments"],
        json!({ "refresh": { "state": "SUCCEEDED" }, "userErrors": [] })
    );
    let states = next.post("{ refreshes { nodes { state } } }", json!({})).1;
    let states = states["data"]["refreshes"]["nodes"]
        .as_array()
        .expect("a list")
        .clone();
    assert!(
        !states.contains(&json!({ "state": "RUNNING" })),
        "{states:?}"
    );
}
