//! The program as a process of its own, and what the system tells about it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where the program tells its address.
const ADDRESS: &str = "GraphiQL  http://";

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// Starts a server over that database with the usual settings, on a free port of the loopback interface.
    pub fn start(url: &str) -> anyhow::Result<Server> {
        Server::start_program(Path::new(env!("CARGO_BIN_EXE_rollcall")), url)
    }

    /// As [`start`](Server::start), of another program.
    pub fn start_program(program: &Path, url: &str) -> anyhow::Result<Server> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(b"ROLLCALL_") || bytes.starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", url])
            .env("ROLLCALL_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let printed = child.stdout.take();
        // Owned from here on, so that it is killed if it does not tell its address.
        let mut server = Server {
            child,
            address: String::new(),
        };
        let lines = BufReader::new(printed.ok_or_else(|| anyhow::anyhow!("no output"))?).lines();
        for line in lines {
            let line = line?;
            if let Some(rest) = line.strip_prefix(ADDRESS) {
                server.address = rest.trim_end_matches("/graphiql").to_owned();
            }
            if line.starts_with("Ctrl-C") {
                return Ok(server);
            }
        }
        anyhow::bail!("the server does not start")
    }

    /// Returns for how long processors have worked for it.
    pub fn processor_time(&self) -> Duration {
        let stat = self.proc("stat");
        // The name of the program, in parentheses, may have blanks.
        let fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    /// Returns how many bytes of memory it has.
    pub fn memory(&self) -> u64 {
        self.bytes("VmRSS:")
    }

    /// Returns how many bytes of memory it had at the most since [`Server::forget_peak`].
    pub fn peak_memory(&self) -> u64 {
        self.bytes("VmHWM:")
    }

    /// Begins a new peak.
    pub fn forget_peak(&self) -> std::io::Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
    }

    fn bytes(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1_024
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
