//! Servers and databases that are killed while changes go on and are followed: nobody stays a wrong member for good.

use super::{NOW, assert_nothing_is_left, country, instant_segment};
use crate::support::{Server, TestApp, cluster_dir, eventually};
use diesel::connection::SimpleConnection;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const REFRESH: &str = "mutation { refreshSegments(input: {}) { refresh { id } } }";

/// Sends a document to a server that may be gone.
fn send(address: &str, document: &str) -> Option<serde_json::Value> {
    let request = ureq::post(format!("http://{address}/graphql"));
    let mut response = request.send_json(json!({ "query": document })).ok()?;
    response.body_mut().read_json().ok()
}

#[test]
fn a_killed_server_leaves_no_wrong_member() {
    let app = TestApp::at(NOW);
    app.database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', 'LV', '2026-03-01', '2026-03-01' FROM generate_series(1, 20000) n; \
         ANALYZE subscribers",
    );
    instant_segment(&app, "lt", country("LT"));
    instant_segment(&app, "others", json!({"not": country("LT")}));
    app.refresh();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = app.database.connect();
            for number in 0_u64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let code = ["LT", "LV"][(number % 2) as usize];
                let place = number * 7_919 % 2_000;
                let sql =
                    format!("UPDATE subscribers SET country = '{code}' WHERE id % 2000 = {place}");
                connection.batch_execute(&sql).expect("a change");
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        for moment in 1..=6 {
            let server = Server::start(&app.database);
            let address = server.address.clone();
            let asking = scope.spawn(move || send(&address, REFRESH));
            std::thread::sleep(Duration::from_millis(97 * moment));
            server.kill();
            asking.join().expect("no panic");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let server = Server::start(&app.database);
    eventually("everything is followed", || {
        app.database
            .ask("SELECT count(*) FROM touches WHERE followed_at IS NULL")
            == "0"
    });
    server.kill();
    app.database.wait_for_end_of_processes();
    assert_ne!(
        app.database.ask("SELECT count(*) FROM instant_changes"),
        "0"
    );
    assert_nothing_is_left(&app);
}

/// Kills the Postgres of a data directory with all that it started.
fn kill_postgres(data_dir: &Path) {
    let file = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid"));
    let Some(first) = file
        .ok()
        .and_then(|text| text.lines().next()?.parse::<i32>().ok())
    else {
        return;
    };
    let children = format!("/proc/{first}/task/{first}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let children = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    for pid in std::iter::once(first).chain(children) {
        // One that has ended meanwhile is as good as killed.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at processes in /proc")]
fn a_killed_database_leaves_no_wrong_member() {
    let dir = cluster_dir("killed");
    let data_dir = dir.path().join("data");
    let settings = ["--data-dir", data_dir.to_str().expect("a plain path")];
    let mut server = Server::start_with(&settings);
    let upsert = |number: u64, code: &str| {
        format!(
            "mutation {{ upsertSubscriber(input: {{email: \"p{number}@example.com\", values: {{country: \"{code}\"}}}}) \
             {{ userErrors {{ message }} }} }}"
        )
    };
    for number in 0..20 {
        server.post(&upsert(number, "LV"), json!({}));
    }
    let create = "mutation { createSegment(input: {key: \"lt\", mode: INSTANT, \
        rule: {text: {field: \"country\", is: {equals: \"LT\"}}}}) { userErrors { message } } }";
    server.post(create, json!({}));
    let address = Mutex::new(server.address.clone());
    let is_over = AtomicBool::new(false);
    let server = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let code = ["LT", "LV", "EE"][(number * 31 % 3) as usize];
                let at = address.lock().expect("no panic").clone();
                if number % 40 == 7 {
                    send(&at, REFRESH);
                }
                send(&at, &upsert(number * 7 % 20, code));
            }
        });
        for moment in 1..=3 {
            std::thread::sleep(Duration::from_millis(331 * moment));
            kill_postgres(&data_dir);
            server.kill();
            server = Server::start_with(&settings);
            *address.lock().expect("no panic") = server.address.clone();
        }
        std::thread::sleep(Duration::from_millis(200));
        is_over.store(true, Ordering::Relaxed);
        server
    });
    // A full evaluation beside the stored members.
    let compare = "{ previewSegment(rule: {text: {field: \"country\", is: {equals: \"LT\"}}}, compareTo: {key: \"lt\"}) \
        { memberCount difference { joiningCount leavingCount } } }";
    eventually("the members are those of a full evaluation", || {
        let (_, answer) = server.post(compare, json!({}));
        let difference = &answer["data"]["previewSegment"]["difference"];
        difference == &json!({"joiningCount": 0, "leavingCount": 0})
    });
    server.interrupt();
}
