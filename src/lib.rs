//! Rollcall.

pub mod audience;
pub mod clock;
pub mod db;
pub mod error;
pub mod evaluate;
pub mod refresh;
pub mod rule;
