//! A running server of any kind, and what the system tells about it.

use super::nodejs::Node;
use serde_json::Value;
use std::fmt::{self, Display, Formatter};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rollcall,
    Yoga,
    PostGraphile,
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Rollcall => "Rollcall",
            Kind::Yoga => "Yoga, DataLoader",
            Kind::PostGraphile => "PostGraphile",
        })
    }
}

/// A running server, killed when dropped.
pub struct Peer {
    pub kind: Kind,
    /// Where it listens.
    pub address: String,
    child: Child,
}

impl Peer {
    /// Starts Rollcall with its usual settings.
    pub fn rollcall(program: &Path, url: &str) -> anyhow::Result<Peer> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(b"ROLLCALL_") || bytes.starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", url])
            .env("ROLLCALL_LOG", "error");
        Peer::start(Kind::Rollcall, command, "GraphiQL  http://")
    }

    /// Starts a server that runs on Node.js.
    pub fn node(node: &Node, kind: Kind, url: &str) -> anyhow::Result<Peer> {
        let file = match kind {
            Kind::PostGraphile => "postgraphile.mjs",
            _ => "yoga.mjs",
        };
        let mut command = Command::new(&node.program);
        command
            .arg(file)
            .current_dir(&node.directory)
            .env("NODE_ENV", "production")
            .env("GRAPHILE_ENV", "production")
            .env("DATABASE_URL", url);
        Peer::start(kind, command, "listening on ")
    }

    /// Starts a program that prints a line with its address.
    fn start(kind: Kind, mut command: Command, before: &str) -> anyhow::Result<Peer> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::inherit()).spawn()?;
        let printed = child.stdout.take();
        // Owned from here on, so that it is killed if it does not tell its address.
        let mut peer = Peer {
            kind,
            address: String::new(),
            child,
        };
        let mut lines =
            BufReader::new(printed.ok_or_else(|| anyhow::anyhow!("no output"))?).lines();
        for line in &mut lines {
            if let Some(rest) = line?.strip_prefix(before) {
                peer.address = rest.trim_end_matches("/graphiql").to_owned();
                // Whatever it prints later is read, or it would wait.
                std::thread::spawn(move || lines.for_each(drop));
                peer.await_answer()?;
                return Ok(peer);
            }
        }
        anyhow::bail!("{kind} does not start")
    }

    fn await_answer(&self) -> anyhow::Result<()> {
        for _ in 0..200 {
            if self.ask("{\"query\": \"{ __typename }\"}").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        anyhow::bail!("{} does not answer", self.kind)
    }

    /// Sends the body of a request and returns the answer.
    pub fn ask(&self, body: &str) -> anyhow::Result<Value> {
        let request = ureq::post(format!("http://{}/graphql", self.address))
            .config()
            .http_status_as_error(false)
            .build()
            .header("content-type", "application/json")
            .header("accept", "application/json");
        let text = request.send(body)?.body_mut().read_to_string()?;
        serde_json::from_str(&text).map_err(|_| anyhow::anyhow!("{}: {text:?}", self.kind))
    }

    /// Returns for how long processors have worked for it.
    pub fn processor_time(&self) -> Duration {
        processor_time(self.child.id())
    }

    /// Returns how many bytes of memory it has.
    pub fn memory(&self) -> u64 {
        self.bytes("VmRSS:")
    }

    /// Returns how many bytes of memory it had at the most.
    pub fn peak_memory(&self) -> u64 {
        self.bytes("VmHWM:")
    }

    fn bytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1_024
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fields of `/proc/PID/stat` after the name, which is in parentheses and may have blanks.
fn stat_of(process: u32) -> Vec<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    // The state is a letter.
    let fields = rest.split_whitespace();
    fields
        .map(|field| field.parse().unwrap_or_default())
        .collect()
}

/// Returns for how long processors have worked for a process.
fn processor_time(process: u32) -> Duration {
    let ticks: u64 = stat_of(process).iter().skip(11).take(2).sum();
    Duration::from_millis(ticks * 10)
}

/// Returns the parent of a process.
pub fn parent_of(process: u32) -> Option<u32> {
    let parent = stat_of(process).get(1).copied()?;
    u32::try_from(parent).ok()
}

/// Returns for how long processors have worked for the children of a process, those that have ended included.
pub fn children_time(parent: u32) -> Duration {
    let ended: u64 = stat_of(parent).iter().skip(13).take(2).sum();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = processes.filter(|process| parent_of(*process) == Some(parent));
    Duration::from_millis(ended * 10) + children.map(processor_time).sum::<Duration>()
}
