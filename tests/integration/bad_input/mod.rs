//! Bad input: every mistake gets a message that says what was expected and found, and costs nothing but itself.

mod files;
mod http;
mod questions;
mod rules;
mod starting;
