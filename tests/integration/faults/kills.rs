//! Twenty kills, of the server and of its Postgres, at random moments of refreshes with edits going on.

use super::kill_postgres;
use crate::support::{Server, cluster_dir, eventually, rollcall, run};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const PEOPLE: usize = 40_000;
const KILLS: u64 = 20;

fn import_people(settings: &[&str], dir: &Path) {
    let people = dir.join("people.csv");
    let rows: String = (0..PEOPLE)
        .map(|number| format!("p{number}@example.com,{}\n", ["LT", "LV"][number % 2]))
        .collect();
    std::fs::write(&people, format!("email,country\n{rows}")).expect("a file");
    let path = people.to_str().expect("a plain path");
    let imported = run(rollcall(&["import", "subscribers", path]).args(settings));
    assert!(imported.status.success(), "{imported}");
}

/// Edits one subscriber after the other, wherever the server is at the moment, until it is told to stop.
fn edit(address: &Mutex<String>, is_over: &AtomicBool, edits: &AtomicU64) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into();
    for number in 0_usize.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let address = address.lock().expect("no panic").clone();
        let email = format!("p{}@example.com", number * 7_919 % PEOPLE);
        let country = ["DE", "LT", "LV"][number % 3];
        let body = json!({
            "query": "mutation ($email: String!, $country: String) { upsertSubscriber(input: {email: $email, values: {country: $country}}) { outcome } }",
            "variables": { "email": email, "country": country }});
        // Refused while the server or its database is away.
        let answered = agent
            .post(format!("http://{address}/graphql"))
            .send_json(body);
        if answered.is_ok() {
            edits.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Ends the edits also where the test fails.
struct Ending<'e>(&'e AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks a server that may be about to be killed.
fn try_refresh(address: &str) {
    let body =
        json!({"query": "mutation { refreshSegments(input: {}) { userErrors { message } } }"});
    let _ = ureq::post(format!("http://{address}/graphql")).send_json(body);
}

fn ask(server: &Server, question: &str) -> Value {
    let (_, answer) = server.post(question, json!({}));
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"].clone()
}

/// A rule and its complement split the audience after every refresh, whichever edits it has seen.
#[track_caller]
fn assert_nothing_is_half(server: &Server) {
    let data = ask(
        server,
        "{ segment(key: \"lt\") { overlap(with: {segment: \"not-lt\"}) { bothCount eitherCount } lastRefresh { refresh { state } } } }",
    );
    assert_eq!(
        data["segment"],
        json!({"overlap": {"bothCount": 0, "eitherCount": PEOPLE}, "lastRefresh": {"refresh": {"state": "SUCCEEDED"}}})
    );
}

#[test]
fn twenty_kills_at_random_moments_with_edits_going_on() {
    let dir = cluster_dir("kills");
    let data_dir = dir.path().join("data");
    let settings = ["--data-dir", data_dir.to_str().expect("a plain path")];
    import_people(&settings, dir.path());
    let server = Server::start_with(&settings);
    for (key, rule) in [
        ("lt", "{text: {field: \"country\", is: {equals: \"LT\"}}}"),
        (
            "not-lt",
            "{not: {text: {field: \"country\", is: {equals: \"LT\"}}}}",
        ),
    ] {
        let create = format!(
            "mutation {{ createSegment(input: {{key: \"{key}\", rule: {rule}}}) {{ userErrors {{ message }} }} }}"
        );
        ask(&server, &create);
    }
    // Both are filled by themselves; what counts is what happens to them afterwards.
    eventually("both segments are filled", || {
        let data = ask(&server, "{ segments { nodes { state } } }");
        data["segments"]["nodes"] == json!([{"state": "READY"}, {"state": "READY"}])
    });
    let address = Mutex::new(server.address.clone());
    let mut server = Some(server);
    let (is_over, edits) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _ending = Ending(&is_over);
        scope.spawn(|| edit(&address, &is_over, &edits));
        for moment in 0..KILLS {
            let killed = server.take().expect("a server");
            let refreshing = killed.address.clone();
            let asked = scope.spawn(move || try_refresh(&refreshing));
            // Spread over the time that a refresh of so many takes, in an order without a pattern.
            std::thread::sleep(Duration::from_millis(moment * 37 % 151));
            if moment % 2 == 0 {
                assert!(kill_postgres(&data_dir), "there is a Postgres");
                std::thread::sleep(Duration::from_millis(moment * 13 % 40));
            }
            killed.kill();
            asked.join().expect("no panic");
            let next = Server::start_with(&settings);
            address.lock().expect("no panic").clone_from(&next.address);
            assert_nothing_is_half(&next);
            server = Some(next);
        }
    });
    assert!(edits.load(Ordering::Relaxed) > 50, "edits went on");
    assert_everything_follows(&server.expect("a server"));
}

/// Nothing is stuck, and after one more refresh the members are those of a full evaluation.
fn assert_everything_follows(server: &Server) {
    let refreshed = ask(
        server,
        "mutation { refreshSegments(input: {}) { refresh { state progress } userErrors { message } } }",
    );
    assert_eq!(
        refreshed["refreshSegments"],
        json!({"refresh": {"state": "SUCCEEDED", "progress": 1.0}, "userErrors": []})
    );
    let data = ask(
        server,
        "{ previewSegment(rule: {text: {field: \"country\", is: {equals: \"LT\"}}}, compareTo: {key: \"lt\"}) { \
         difference { joiningCount leavingCount } } refreshes(first: 250) { nodes { state } } }",
    );
    assert_eq!(
        data["previewSegment"]["difference"],
        json!({"joiningCount": 0, "leavingCount": 0})
    );
    let states = data["refreshes"]["nodes"].as_array().expect("a list");
    assert!(!states.contains(&json!({"state": "RUNNING"})), "{states:?}");
    assert_nothing_is_half(server);
}
