//! The real program, as a process of its own.

use super::{TestDatabase, eventually};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use ureq::http::Response;

/// How long a command may take before it is taken for stuck.
const LIMIT: Duration = Duration::from_secs(60);

/// Prepares the program, without the settings of whoever runs the tests.
pub fn rollcall(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    without_settings(&mut command).args(arguments);
    command
}

/// Takes the settings of whoever runs the tests, and standard input, from a command.
pub fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let name_bytes = name.as_encoded_bytes();
        if [&b"ROLLCALL_"[..], b"PG", b"OTEL_"]
            .iter()
            .any(|prefix| name_bytes.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command.env_remove("DATABASE_URL").stdin(Stdio::null())
}

/// What a command did.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Shows how it ended and everything it said, for snapshots.
impl std::fmt::Display for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status.code() {
            Some(code) => writeln!(formatter, "exit code {code}")?,
            None => writeln!(formatter, "signal {:?}", self.status.signal())?,
        }
        write!(formatter, "{}{}", self.stdout, self.stderr)
    }
}

/// Runs a prepared program to its end.
#[track_caller]
pub fn run(command: &mut Command) -> Finished {
    run_within(command, LIMIT)
}

/// Runs a prepared program to its end, which must come within this time.
#[track_caller]
pub fn run_within(command: &mut Command, limit: Duration) -> Finished {
    let mut stdout = tempfile::tempfile().expect("a file for what is printed");
    let mut stderr = tempfile::tempfile().expect("a file for what is wrong");
    let mut child = command
        .stdout(stdout.try_clone().expect("a handle"))
        .stderr(stderr.try_clone().expect("a handle"))
        .spawn()
        .expect("the program starts");
    let status = wait(&mut child, limit);
    Finished {
        status,
        stdout: read_back(&mut stdout),
        stderr: read_back(&mut stderr),
    }
}

/// Imports a file of that text: `what` is `subscribers` or `events`.
#[track_caller]
pub fn import_text(
    database: &TestDatabase,
    what: &str,
    text: impl AsRef<[u8]>,
    arguments: &[&str],
) -> Finished {
    let dir = tempfile::tempdir().expect("a directory for the file");
    let name = format!("{what}.csv");
    std::fs::write(dir.path().join(&name), text).expect("the file can be written");
    let mut command = rollcall(&["import", what, &name, "--database-url", &database.url]);
    run(command.args(arguments).current_dir(dir.path()))
}

fn wait(child: &mut Child, limit: Duration) -> ExitStatus {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        if Instant::now() >= deadline {
            child.kill().expect("a child can be killed");
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn read_back(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().expect("a file can be rewound");
    file.read_to_string(&mut text).expect("UTF-8 is printed");
    text
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    log: File,
    /// Where it listens, such as `127.0.0.1:34567`.
    pub address: String,
}

impl Server {
    /// Starts a server on a free port over the database of a test.
    #[track_caller]
    pub fn start(database: &TestDatabase) -> Server {
        Server::start_with(&["--database-url", &database.url])
    }

    /// Starts a server on a free port with these settings, in a process group of its own as a shell would.
    #[track_caller]
    pub fn start_with(settings: &[&str]) -> Server {
        Server::spawn(rollcall(&["serve", "--listen", "127.0.0.1:0"]).args(settings))
    }

    /// Starts a prepared `rollcall serve`.
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Server {
        let mut log = tempfile::tempfile().expect("a file for the log");
        // A file and not a pipe, which would have to be read as long as the server lives.
        let printed = tempfile::NamedTempFile::new().expect("a file for what is printed");
        let mut child = command
            .stdout(printed.reopen().expect("a handle"))
            .stderr(log.try_clone().expect("a handle"))
            .process_group(0)
            .spawn()
            .expect("the program starts");
        let mut address = None;
        eventually("the server tells its address", || {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                panic!(
                    "the server does not start: {status}\n{}",
                    read_back(&mut log)
                );
            }
            let text = std::fs::read_to_string(printed.path()).expect("a file can be read");
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("GraphiQL  http://"));
            // Without the base path.
            address = line
                .and_then(|line| line.split_once('/'))
                .map(|(address, _)| address.to_owned());
            address.is_some()
        });
        // A server that listens everywhere is reached from here too.
        let address = address.unwrap_or_default().replace("0.0.0.0", "127.0.0.1");
        Server {
            child,
            log,
            address,
        }
    }

    /// Sends a document and returns the status and the body.
    #[track_caller]
    pub fn post(&self, document: &str, variables: Value) -> (u16, Value) {
        let answer = self.post_as(&[], document, variables);
        (answer.status().as_u16(), answer.into_body())
    }

    /// Sends a document with these headers.
    #[track_caller]
    pub fn post_as(
        &self,
        headers: &[(&str, &str)],
        document: &str,
        variables: Value,
    ) -> Response<Value> {
        let body = json!({ "query": document, "variables": variables });
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent.post(format!("http://{}/graphql", self.address));
        request = request.header("accept", "application/graphql-response+json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send_json(body).expect("the server answers");
        response.map(|mut body| {
            let body = body.with_config().limit(1 << 26);
            body.read_json().expect("a JSON body")
        })
    }

    /// How long processors have worked for it so far, to the hundredth of a second, where the system tells (Linux).
    pub fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
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

    /// How many bytes of memory it has now, where the system tells (Linux).
    pub fn memory(&self) -> u64 {
        self.bytes_of("VmRSS:")
    }

    /// How many bytes of memory it had at the most so far, where the system tells (Linux).
    pub fn peak_memory(&self) -> u64 {
        self.bytes_of("VmHWM:")
    }

    /// Returns a file of its directory in `/proc` (Linux).
    pub fn proc_file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default()
    }

    /// Returns what it has logged so far.
    pub fn logged(&self) -> String {
        // A handle of its own would share the place at which the server writes.
        let length = self.log.metadata().expect("a file").len();
        let mut bytes = vec![0; usize::try_from(length).expect("a short log")];
        self.log
            .read_exact_at(&mut bytes, 0)
            .expect("a file can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn bytes_of(&self, name: &str) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1_024
    }

    /// How many TCP connections of clients it has open, where the system tells (Linux).
    pub fn connections(&self) -> usize {
        let port = self.address.rsplit(':').next().unwrap_or_default();
        let port = format!(":{:04X}", port.parse::<u16>().unwrap_or_default());
        let held: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .map(|entries| {
                let links = entries
                    .flatten()
                    .filter_map(|entry| entry.path().read_link().ok());
                links
                    .map(|link| link.to_string_lossy().into_owned())
                    .collect()
            })
            .unwrap_or_default();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let lines = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        // Its own address, its state, and the number of its socket; a listener is no connection.
        let ours = lines.filter(|fields| {
            fields
                .get(1)
                .is_some_and(|address| address.ends_with(&port))
                && fields.get(3) != Some(&"0A")
                && fields
                    .get(9)
                    .is_some_and(|inode| held.contains(&format!("socket:[{inode}]")))
        });
        ours.count()
    }

    /// Presses Ctrl-C: the whole process group is interrupted. Returns how the server ended.
    #[track_caller]
    pub fn interrupt(mut self) -> Finished {
        killpg(self.group(), Signal::SIGINT).expect("the server can be interrupted");
        let status = wait(&mut self.child, LIMIT);
        Finished {
            status,
            stdout: String::new(),
            stderr: read_back(&mut self.log),
        }
    }

    /// Tells the server to stop, as service managers do, and does not wait.
    pub fn terminate(&self) {
        killpg(self.group(), Signal::SIGTERM).expect("the server can be told");
    }

    /// Kills the server itself, which cannot do anything about it.
    pub fn kill(mut self) {
        self.end();
    }

    /// Kills the server itself, and leaves what it logged.
    pub fn kill_now(&mut self) {
        self.end();
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    fn end(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
