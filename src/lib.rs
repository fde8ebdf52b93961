//! Rollcall: a self-hosted GraphQL server that keeps an audience.
//!
//! **Subscribers** are people who can be addressed. **Groups** are members chosen by hand: they change only when
//! somebody changes them. **Segments** are members chosen by a rule: a daily refresh evaluates the rules, people join
//! and leave by themselves, and the result is asked as computed fields.
//!
//! # The idea
//!
//! A rule is evaluated by vectorised code over columns, never by building SQL from it, and membership is stored as
//! bitmaps of 8,192 ids a block. One evaluator serves the refresh and the preview. Postgres does what it is best at:
//! holding the truth, scanning ranges, and giving every worker the same snapshot.
//!
//! # The floors
//!
//! Imports go down only; a test reads the `use crate::` lines and keeps it so.
//!
//! | floor | holds | knows |
//! |---|---|---|
//! | [`cli`] | one file per subcommand | everything |
//! | [`server`] | sockets and time: HTTP, WebSockets, GraphiQL, the loops of scheduler and hub | actix-web |
//! | [`graphql`] | translation: one file per noun, loaders, paging, errors | async-graphql |
//! | [`refresh`] | snapshot, column loading, blocks, history, schedule, the step | diesel |
//! | [`audience`] | the nouns: types, invariants and their SQL | diesel |
//! | [`db`] | connections, migrations, the embedded Postgres | diesel |
//! | [`evaluate`] | checked rules and columns to bitmaps; pure | Arrow |
//! | [`rule`] | the language: parse, check, problems, limits; pure | nothing |
//!
//! [`config`], [`clock`] and [`error`] stand beside them.
//!
//! # Invariants
//!
//! - No SQL is ever built from a rule: rules name fields, and fields name columns in one place
//!   (`audience/field_column.rs`).
//! - `rule` and `evaluate` know no database, no clock and no asynchronous code.
//! - Only [`db::Db`] touches the pool, only [`clock::Clock`] asks for the time; everything below the API takes `now`.
//! - A refresh never updates a row of `segments`, and only a refresh and a deletion write `segment_blocks`.
//! - Ids of subscribers are dense and never reused; nothing may insert with a conflict clause that wastes them.
//!
//! # Walkthrough: a question
//!
//! 1. `server/http.rs` takes the bytes and refuses what is no JSON or too deep; `graphql/request.rs` parses the document,
//!    asks for missing variables, has async-graphql answer it, and puts the fields into the order of the document.
//! 2. The resolver in `graphql/<noun>.rs` reads the arguments and asks a loader, or runs one use case over `Db::run`.
//! 3. The loader gathers the keys of all parents and sends one statement (`audience/membership.rs` and its siblings).
//!
//! Over a WebSocket (`server/websocket.rs`, with the protocol in `server/protocol.rs`) the same happens, once for a query
//! and as often as there is news for a subscription. `server/hub.rs` looks for the newest refreshes while somebody
//! listens, and wakes the streams of `graphql/subscription.rs`; each reads by itself what came after the refresh that it
//! told last (`refresh/feed.rs`), so that nothing is lost or told twice whichever process refreshes.
//!
//! # Walkthrough: a refresh
//!
//! 1. `refresh/schedule.rs` finds the job due, `refresh/step.rs` takes the advisory lock and opens the row of the run.
//! 2. The snapshot is taken; every active rule is parsed and checked against the catalogue; `evaluate/plan.rs` makes
//!    one plan of them all: equal leaves once, and the union of the columns.
//! 3. Workers take chunks of 16 blocks (`refresh/scan.rs`), load their columns (`refresh/load.rs`), evaluate the
//!    leaves, combine them per rule and compare with the stored blocks (`refresh/blocks.rs`).
//! 4. One transaction writes blocks, changes and totals (`refresh/write.rs`). Readers see the old members or the new.

pub mod cli;
pub mod config;
pub mod server;

pub mod graphql;

pub mod refresh;

pub mod audience;

pub mod db;

pub mod evaluate;

pub mod rule;

pub mod clock;
pub mod error;
