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
mod http;
mod importing;
mod instant;
mod keys;
mod memberships;
mod nested;
mod nouns;
mod past;
mod reasons;
mod refreshing;
mod rules;
mod schedule;
mod schema;
mod scopes;
mod segments;
mod subscriptions;
mod suites;
mod tidy;
mod websocket;
