//! API keys: who may ask, for how long, and what everybody else is told.

mod address;
mod api;
mod base_path;
mod command;
mod first;
mod http;
mod limits;
mod running;
mod sessions;
pub mod signing_in;
mod sockets;

use crate::support::{Finished, Server, TestDatabase, rollcall, run};
use serde_json::{Value, json};
use ureq::http::Response;

/// A question that any key with READ may ask.
const ASK: &str = "{ subscribers { totalCount } }";

/// Runs `rollcall key`.
#[track_caller]
fn key_command(database: &TestDatabase, arguments: &[&str]) -> Finished {
    let command = ["key", "--database-url", &database.url];
    run(rollcall(&command).args(arguments))
}

/// Makes a key by command and returns it.
#[track_caller]
pub fn create_key(database: &TestDatabase, arguments: &[&str]) -> String {
    let done = key_command(database, &[&["create"], arguments].concat());
    assert!(done.status.success(), "{done}");
    done.stdout.trim_end().to_owned()
}

/// Revokes a key by command.
#[track_caller]
pub fn revoke(database: &TestDatabase, key: &str) {
    let done = key_command(database, &["revoke", key]);
    assert!(done.status.success(), "{done}");
}

/// Asks with a key.
#[track_caller]
fn ask(server: &Server, key: &str) -> Response<Value> {
    let bearer = format!("Bearer {key}");
    server.post_as(&[("authorization", &bearer)], ASK, json!({}))
}

/// Asks with a key and returns the status.
#[track_caller]
pub fn status(server: &Server, key: &str) -> u16 {
    ask(server, key).status().as_u16()
}

/// Something of the form of a key that nobody made.
fn unknown_key(number: usize) -> String {
    format!("rck_{number:040}")
}
