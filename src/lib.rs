//! Rollcall.

pub mod audience;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod evaluate;
pub mod graphql;
pub mod refresh;
pub mod rule;
pub mod server;
