//! Tests against a real Postgres: one throw-away cluster for all of them, a schema and a clock for each.

mod support;

mod bad_input;
mod cdnow;
mod clients;
mod connections;
mod converting;
mod copying;
mod database;
mod demo;
mod doors;
mod erasure;
mod event_bounds;
mod exporting;
mod faults;
mod history;
mod http;
mod importing;
mod instant;
mod keys;
mod memberships;
mod moments;
mod nested;
mod nouns;
mod numbers;
mod past;
mod reasons;
mod refreshing;
mod schedule;
mod schema;
mod scopes;
mod segments;
mod subscriptions;
mod suites;
mod tidy;
mod websocket;
