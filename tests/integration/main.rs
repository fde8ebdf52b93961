//! Tests against a real Postgres: one throw-away cluster for all of them, a schema and a clock for each.

mod support;

mod bad_input;
mod cdnow;
mod clients;
mod connections;
mod copying;
mod database;
mod demo;
mod erasure;
mod exporting;
mod faults;
mod importing;
mod instant;
mod memberships;
mod nested;
mod nouns;
mod past;
mod reasons;
mod refreshing;
mod schedule;
mod schema;
mod segments;
mod subscriptions;
mod tidy;
mod websocket;
