//! A receiver that is a process of its own: it writes each message to a file before it answers, and can be killed.

use super::edits::Dice;
use crate::webhooks::receiver::read;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Says to the process that it is the receiver: where to listen, and the file to write.
const LISTEN: &str = "ROLLCALL_TEST_RECEIVER_LISTEN";
const FILE: &str = "ROLLCALL_TEST_RECEIVER_FILE";
const NAME: &str = "mirrors::receiving::the_process_of_a_receiver";

/// A message that is stored.
pub struct Stored {
    pub id: String,
    pub body: Value,
}

/// The process, while it runs.
pub struct ReceiverProcess {
    child: Child,
    address: String,
    path: PathBuf,
    read: u64,
}

impl ReceiverProcess {
    pub fn start(dir: &Path) -> ReceiverProcess {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let path = dir.join("messages");
        File::create(&path).expect("a file");
        let child = spawn(&address, &path);
        ReceiverProcess {
            child,
            address,
            path,
            read: 0,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Kills it at a random moment of some work, and starts it again.
    pub fn kill_while(&mut self, dice: &mut Dice, work: impl FnOnce()) {
        let pause = Duration::from_millis(dice.below(60).into());
        let child = &mut self.child;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(pause);
                end(child);
            });
            work();
        });
        self.child = spawn(&self.address, &self.path);
    }

    /// Returns the whole messages that were stored since the last call.
    pub fn take(&mut self) -> Vec<Stored> {
        let mut file = File::open(&self.path).expect("a file");
        file.seek(SeekFrom::Start(self.read)).expect("a place");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("a file can be read");
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = &bytes[..end.map_or(0, |end| end + 1)];
        self.read += whole.len() as u64;
        let lines = whole.split(|byte| *byte == b'\n');
        // A line that a killed process did not end was not answered, and comes again.
        let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let stored = messages.map(|mut message| Stored {
            id: message["id"].as_str().expect("an id").to_owned(),
            body: message["body"].take(),
        });
        stored.collect()
    }
}

fn end(child: &mut Child) {
    // Fails where it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for ReceiverProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn spawn(address: &str, path: &Path) -> Child {
    let program = std::env::current_exe().expect("the program of the tests");
    let child = Command::new(program)
        .args(["--exact", NAME, "--ignored", "--nocapture"])
        .env(LISTEN, address)
        .env(FILE, path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the receiver starts");
    crate::support::eventually("the receiver listens", || {
        TcpStream::connect(address).is_ok()
    });
    child
}

#[test]
#[ignore = "the process of a receiver, which the test of mirrors starts"]
fn the_process_of_a_receiver() {
    let address = std::env::var(LISTEN).expect("started by the test of mirrors");
    let path = std::env::var(FILE).expect("started by the test of mirrors");
    let listener = TcpListener::bind(address).expect("a port");
    let mut file = OpenOptions::new().append(true).open(path).expect("a file");
    // Ends what a killed process has left of a line.
    file.write_all(b"\n").expect("a line");
    for mut stream in listener.incoming().flatten() {
        let Some(message) = read(&mut stream) else {
            continue;
        };
        let line = json!({"id": message.id(), "body": message.json()});
        file.write_all(format!("{line}\n").as_bytes())
            .expect("a line");
        // The sender may be gone.
        let _ = stream.write_all(b"HTTP/1.1 204 Told\r\ncontent-length: 0\r\n\r\n");
    }
}
