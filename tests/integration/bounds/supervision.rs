//! What dies comes back: a server starts its embedded Postgres again, and answers also while Postgres does not.

use super::EndsOnDrop;
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
use std::time::{Duration, Instant};

/// How often Postgres is killed.
const KILLS: usize = 20;
/// For how many seconds Postgres is stopped under load, unless [`STOP_VARIABLE`] says something else.
const STOP_SECONDS: u64 = 5;
/// The environment variable for a longer stop, such as 60.
const STOP_VARIABLE: &str = "ROLLCALL_STOP_SECONDS";
/// After how many seconds a request counts as one that is never answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// Adds a subscriber, and returns whether the server says that it was done. Fails if the server says nothing at all.
#[track_caller]
fn add(address: &str, number: usize) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let document = format!(
        "mutation {{ upsertSubscriber(input: {{email: \"p{number}@example.com\"}}) {{ subscriber {{ id }} }} }}"
    );
    let sent = agent
        .post(format!("http://{address}/graphql"))
        .send_json(json!({ "query": document }));
    assert!(
        !matches!(sent, Err(ureq::Error::Timeout(_))),
        "the request for {number} hangs"
    );
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

/// Adds subscribers one after the other, from three threads, until `meanwhile` returns; it is told how many were
/// acknowledged so far. Returns the acknowledged ones.
#[track_caller]
fn add_meanwhile(address: &str, meanwhile: impl FnOnce(&dyn Fn() -> usize)) -> Vec<usize> {
    let is_over = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    let all = || acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (is_over, all) = (&is_over, &all);
            scope.spawn(move || {
                let numbers = (worker..).step_by(3);
                for number in numbers.take_while(|_| !is_over.load(Ordering::Relaxed)) {
                    if add(address, number) {
                        all().push(number);
                    }
                }
            });
        }
        let _ends = EndsOnDrop(&is_over);
        let count = || all().len();
        eventually("subscribers are added", || count() > 0);
        meanwhile(&count);
    });
    acknowledged
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Checks that the acknowledged subscribers exist.
#[track_caller]
fn assert_are_there(server: &Server, acknowledged: &[usize]) {
    for number in acknowledged {
        let document = format!("{{ subscriber(email: \"p{number}@example.com\") {{ id }} }}");
        let (_, body) = server.post(&document, Value::Null);
        assert!(
            body["data"]["subscriber"]["id"].is_string(),
            "{number}: {body}"
        );
    }
}

/// Returns the process id of the server of a data directory; `None` where its file is missing or half written.
fn server_process(data_dir: &Path) -> Option<i32> {
    let file = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid")).ok()?;
    file.lines().next()?.parse().ok()
}

#[test]
fn a_killed_postgres_comes_back_and_nothing_acknowledged_is_lost() {
    let dir = cluster_dir("supervised");
    let data_dir = dir.path().join("data");
    let server = start(&data_dir);
    let acknowledged = add_meanwhile(&server.address, |count| {
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
    assert!(
        acknowledged.len() > KILLS,
        "subscribers were added meanwhile"
    );
    assert_are_there(&server, &acknowledged);
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
    let answers: Vec<String> = {
        let _stopped = StoppedPostgres::new(&data_dir);
        (0..3).map(|_| health(&server)).collect()
    };
    assert!(
        answers.iter().all(|answer| answer.contains("503")),
        "{answers:?}"
    );
    eventually("the server answers again", || {
        health(&server).contains("200")
    });
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at processes in /proc")]
fn a_postgres_that_stands_still_under_load_loses_nothing_and_hangs_nothing() {
    let dir = cluster_dir("still");
    let data_dir = dir.path().join("data");
    let directory = data_dir.to_str().expect("a plain path");
    // Requests that wait for Postgres are answered while it still stands still.
    let server = Server::start_with(&["--data-dir", directory, "--request-timeout", "2"]);
    let seconds = std::env::var(STOP_VARIABLE).map_or(STOP_SECONDS, |seconds| {
        seconds.parse().expect("a number of seconds")
    });
    let acknowledged = add_meanwhile(&server.address, |count| {
        let stopped = StoppedPostgres::new(&data_dir);
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut probes = Vec::new();
        while Instant::now() < until {
            let answer = health(&server);
            assert!(answer.contains("503"), "{answer}");
            probes.push(server.post("{ groups(first: 1) { totalCount } }", Value::Null));
        }
        for (status, body) in &probes {
            let code = body["errors"][0]["extensions"]["code"].as_str();
            let is_bounded = matches!(
                (status, code),
                (504, Some("TIMEOUT")) | (503, Some("UNAVAILABLE"))
            );
            assert!(is_bounded, "{status}: {body}");
        }
        drop(stopped);
        eventually("health is good again", || health(&server).contains("200"));
        let before = count() + 3;
        eventually("subscribers are added again", || count() > before);
    });
    assert_are_there(&server, &acknowledged);
    let stopped = server.interrupt();
    assert_eq!(stopped.status.code(), Some(0), "{stopped}");
    eventually("everything has ended", || {
        processes_of(&data_dir).is_empty()
    });
}

/// A Postgres that stands still with all its children until this is dropped.
pub struct StoppedPostgres(Vec<i32>);

impl StoppedPostgres {
    #[track_caller]
    pub fn new(data_dir: &Path) -> StoppedPostgres {
        // The server first, so that there are no new children when they are looked for.
        let server = postgres_server(data_dir);
        kill(Pid::from_raw(server), Signal::SIGSTOP).expect("a server that runs");
        let processes = [vec![server], children_of(server)].concat();
        signal_all(&processes, Signal::SIGSTOP);
        StoppedPostgres(processes)
    }
}

impl Drop for StoppedPostgres {
    fn drop(&mut self) {
        signal_all(&self.0, Signal::SIGCONT);
    }
}

fn signal_all(processes: &[i32], signal: Signal) {
    for pid in processes {
        // Fails where one has just ended.
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

/// Returns the process of the server of a data directory.
#[track_caller]
fn postgres_server(data_dir: &Path) -> i32 {
    let file = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid"));
    let file = file.expect("a server runs");
    let line = file.lines().next();
    line.and_then(|line| line.parse().ok())
        .expect("a process id")
}

fn children_of(server: i32) -> Vec<i32> {
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
    children.collect()
}
