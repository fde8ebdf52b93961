//! Tests against a real Postgres: one throw-away cluster for all of them, a schema and a clock for each.

mod support;

mod bad_input;
mod cdnow;
mod database;
mod demo;
mod faults;
mod importing;
mod memberships;
mod nested;
mod nouns;
mod reasons;
mod refreshing;
mod schedule;
mod schema;
mod segments;
mod tidy;
