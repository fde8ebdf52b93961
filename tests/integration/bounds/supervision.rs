//! What dies comes back: a server starts its embedded Postgres again, and answers also while Postgres does not.

use super::Ending;
use crate::faults::{kill_postgres, processes_of};
use crate::support::{Server, cluster_dir, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often Postgres is killed.
const KILLS: usize = 20;

/// Adds a subscriber, and returns whether the server says that it was done.
fn add(address: &str, number: usize) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let document = format!(
        "mutation {{ upsertSubscriber(input: {{email: \"p{number}@example.com\"}}) {{ subscriber {{ id }} }} }}"
    );
    let sent = agent
        .post(format!("http://{address}/graphql"))
        .send_json(json!({ "query": document }));
    let answer = sent
        .ok()
        .and_then(|mut sent| sent.body_mut().read_json::<Value>().ok());
    answer.is_some_and(|answer| answer["data"]["upsertSubscriber"]["subscriber"]["id"].is_string())
}

/// Returns the status line of `/health`.
fn health(server: &Server) -> String {
    let mut stream = TcpStream::connect(&server.address).expect("the server listens");
    let timeout = stream.set_read_timeout(Some(Duration::from_secs(30)));
    timeout.expect("a time limit");
    let request = format!(
        "GET /health HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

fn start(data_dir: &Path) -> Server {
    Server::start_with(&["--data-dir", data_dir.to_str().expect("a plain path")])
}

#[test]
fn a_killed_postgres_comes_back_and_nothing_acknowledged_is_lost() {
    let dir = cluster_dir("supervised");
    let data_dir = dir.path().join("data");
    let server = start(&data_dir);
    let is_over = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let _ending = Ending(&is_over);
        for worker in 0..3 {
            let (address, is_over, acknowledged) = (&server.address, &is_over, &acknowledged);
            scope.spawn(move || {
                for number in (worker..).step_by(3) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    if add(address, number) {
                        let mut all = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                        all.push(number);
                    }
                }
            });
        }
        let count = || {
            acknowledged
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len()
        };
        eventually("subscribers are added", || count() > 0);
        for _ in 0..KILLS {
            let killed = server_process(&data_dir);
            assert!(kill_postgres(&data_dir), "there is a Postgres");
            // Until they notice, the children of the killed one go on answering.
            eventually("another Postgres runs", || {
                let now = server_process(&data_dir);
                now.is_some() && now != killed
            });
            let before = count();
            eventually("subscribers are added again", || count() > before + 3);
        }
    });
    let acknowledged = acknowledged
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    assert!(
        acknowledged.len() > KILLS,
        "subscribers were added meanwhile"
    );
    for number in &acknowledged {
        let document = format!("{{ subscriber(email: \"p{number}@example.com\") {{ id }} }}");
        let (_, body) = server.post(&document, Value::Null);
        assert!(
            body["data"]["subscriber"]["id"].is_string(),
            "{number}: {body}"
        );
    }
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
    eventually("everything has ended", || {
        processes_of(&data_dir).is_empty()
    });
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at processes in /proc")]
fn health_answers_while_postgres_is_stopped_and_all_goes_on_afterwards() {
    let dir = cluster_dir("stopped");
    let data_dir = dir.path().join("data");
    let server = start(&data_dir);
    assert!(health(&server).contains("200"));
    let signal_all = |signal| {
        for pid in postgres_processes(&data_dir) {
            // Fails where one has just ended.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    };
    signal_all(Signal::SIGSTOP);
    let answers: Vec<String> = (0..3).map(|_| health(&server)).collect();
    signal_all(Signal::SIGCONT);
    assert!(
        answers.iter().all(|answer| answer.contains("503")),
        "{answers:?}"
    );
    eventually("the server answers again", || {
        health(&server).contains("200")
    });
}

/// Returns the process id of the server of a data directory; `None` where its file is missing or half written.
fn server_process(data_dir: &Path) -> Option<i32> {
    let file = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid")).ok()?;
    file.lines().next()?.parse().ok()
}

/// Returns the server of a data directory and its children.
fn postgres_processes(data_dir: &Path) -> Vec<i32> {
    let server = server_process(data_dir).expect("a server runs");
    let is_child = |entry: &std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1));
        parent.and_then(|parent| parent.parse().ok()) == Some(server)
    };
    let entries = std::fs::read_dir("/proc")
        .expect("a list of processes")
        .flatten();
    let children = entries.filter(is_child);
    let children = children.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    children.chain([server]).collect()
}
