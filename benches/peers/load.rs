//! Load by `wrk`, and what it comes to.

use super::peer::{Kind, Peer, children_time, parent_of};
use anyhow::Context;
use rollcall::db::Db;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("node/load.lua");
/// How many connections ask at the same time.
const CONNECTIONS: &str = "-c8";
/// How long a server is asked before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// What the load needs.
pub struct Load {
    /// The process that all processes of Postgres are children of.
    postgres: u32,
    script: tempfile::NamedTempFile,
}

/// What a run came to.
pub struct Figures {
    pub per_second: f64,
    median: String,
    tail: String,
    server: Duration,
    postgres: Duration,
    requests: u32,
}

impl Load {
    /// Finds Postgres by a connection to it.
    pub fn new(db: &Db) -> anyhow::Result<Load> {
        let backend = super::audience::optional_number(db, "SELECT pg_backend_pid()")?;
        let backend = u32::try_from(backend.context("no process")?)?;
        let mut script = tempfile::NamedTempFile::new()?;
        script.write_all(SCRIPT.as_bytes())?;
        Ok(Load {
            postgres: parent_of(backend).context("no parent")?,
            script,
        })
    }

    /// Sends these bodies again and again, first to warm the server up, and then as long as `lasts`.
    pub fn run(&self, peer: &Peer, bodies: &[String], lasts: Duration) -> anyhow::Result<Figures> {
        // What is asked for once only is not used up by the warm-up.
        let (warm, rest) = bodies.split_at(if bodies.len() > 1_000 {
            bodies.len() / 4
        } else {
            0
        });
        self.wrk(peer, if warm.is_empty() { rest } else { warm }, WARM_UP)?;
        let before = (peer.processor_time(), children_time(self.postgres));
        let told = self.wrk(peer, rest, lasts)?;
        let after = (peer.processor_time(), children_time(self.postgres));
        let word = |name: &str| {
            let line = told.lines().find_map(|line| line.trim().strip_prefix(name));
            line.map(|rest| rest.trim().to_owned())
        };
        let requests = told
            .lines()
            .find_map(|line| line.trim().split_once(" requests in "));
        Ok(Figures {
            per_second: word("Requests/sec:").context("no rate")?.parse()?,
            median: word("50%").unwrap_or_default(),
            tail: word("99%").unwrap_or_default(),
            server: after.0.saturating_sub(before.0),
            postgres: after.1.saturating_sub(before.1),
            requests: requests.context("no count")?.0.parse()?,
        })
    }

    fn wrk(&self, peer: &Peer, bodies: &[String], lasts: Duration) -> anyhow::Result<String> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bodies.join("\n").as_bytes())?;
        let told = Command::new("wrk")
            .args(["-t1", CONNECTIONS, "--latency", "--timeout", "20s"])
            .arg(format!("-d{}s", lasts.as_secs()))
            .arg("-s")
            .args([
                self.script.path().as_os_str(),
                format!("http://{}", peer.address).as_ref(),
            ])
            .env("PEERS_BODIES", file.path())
            .output()
            .context("wrk is needed: apt install wrk")?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let has_failed = ["Socket errors", "Non-2xx"]
            .iter()
            .any(|error| text.contains(error));
        anyhow::ensure!(
            told.status.success() && !has_failed,
            "{}: {text}",
            peer.kind
        );
        Ok(text)
    }
}

impl Figures {
    /// Prints the names of the columns.
    pub fn print_head() {
        println!(
            "{:<28}{:<18}{:>10}{:>10}{:>10}{:>12}{:>12}{:>8}",
            "question", "server", "a second", "median", "99 %", "its CPU", "Postgres", "times"
        );
    }

    /// Prints a line. `times` is how many times as many requests Rollcall answers.
    pub fn print(&self, question: &str, kind: Kind, times: f64) {
        let each = |time: Duration| {
            format!(
                "{:.2} ms",
                time.as_secs_f64() * 1e3 / f64::from(self.requests.max(1))
            )
        };
        println!(
            "{question:<28}{:<18}{:>10.0}{:>10}{:>10}{:>12}{:>12}{times:>8.2}",
            kind.to_string(),
            self.per_second,
            self.median,
            self.tail,
            each(self.server),
            each(self.postgres),
        );
    }
}
