//! Rollcall: a self-hosted GraphQL server that keeps an audience.
//!
//! **Subscribers** are people who can be addressed. **Groups** are members chosen by hand: they change only when
//! somebody changes them. **Segments** are members chosen by a rule: a daily refresh evaluates the rules, people join
//! and leave by themselves, and the result is asked as computed fields.
//!
//! # The idea
//!
//! A rule is evaluated by vectorised code over columns, never by building SQL from it, and membership is stored as
//! bitmaps of 8,192 ids a block. One evaluator serves the refresh, the preview with its count at every node, and the
//! explanation of one subscriber. Postgres does what it is best at: holding the truth, scanning ranges, and giving
//! every worker the same snapshot.
//!
//! # The floors
//!
//! Imports go down only; a test reads the `use crate::` lines and keeps it so.
//!
//! | floor | holds | knows |
//! |---|---|---|
//! | [`cli`] | one file per subcommand | everything |
//! | [`server`] | sockets and time: HTTP, WebSockets, GraphiQL, who is let in, the loops of scheduler, follower, hub and keys | actix-web |
//! | [`graphql`] | translation: `engine/` has documents, limits, loaders, paging and errors, `types/` one file or folder per noun | async-graphql |
//! | [`export`] | files of people, memberships and events, streamed from one snapshot; all that is held about a person | diesel |
//! | [`import`] | files of people and events: opened, mapped, cleaned, written in batches, undone | diesel |
//! | [`follow`] | what instant segments do right after a change | diesel |
//! | [`refresh`] | the step, its schedule, and writing what it found | diesel |
//! | [`scan`] | evaluating rules over the audience: snapshot, column loading, blocks; previews and explanations | diesel |
//! | [`past`] | members at a moment, growth, what is new, positions | diesel |
//! | [`audience`] | the nouns: types, invariants and their SQL | diesel |
//! | [`db`] | connections, migrations, the embedded Postgres | diesel |
//! | [`evaluate`] | checked rules and columns to bitmaps; pure | Arrow |
//! | [`rule`] | the language: parse, check, problems, limits, words; pure | nothing |
//! | [`text`] | the normal form of texts, addresses and codes, for stored values and values in rules | nothing |
//!
//! [`config`], [`live`], [`clock`], [`cancel`] and [`error`] stand beside them.
//!
//! # Invariants
//!
//! - No SQL is ever built from a rule: rules name fields, and fields name columns in one place
//!   (`audience/field_column.rs`).
//! - `rule` and `evaluate` know no database, no clock and no asynchronous code.
//! - Only [`db::Db`] touches the pool, only [`clock::Clock`] asks for the time; everything below the API takes `now`.
//! - A refresh never updates a row of `segments`. Only a refresh, the follower of instant segments and a deletion write
//!   `segment_blocks`, one at a time (`audience/membership.rs` has the lock).
//! - Locks are taken in one order: rules, types of custom fields (`audience/type_lock.rs`), members, a group, subscribers
//!   by id, and then what belongs to them by key. What meets in a circle nevertheless, [`db::Db`] repeats from its
//!   beginning, so that the work it is given writes in one transaction.
//! - Whatever changes a subscriber writes a touch in the same transaction while instant segments exist; triggers see to it.
//!   A touch is gone only when it was followed and no refresh with an older snapshot can write any more.
//! - The past is the present with every later change undone (`past/as_of.rs`): whoever writes members also remembers
//!   what changed, and a deletion is such a change. All changes have one order (`past/position.rs`), in which they become
//!   visible, since they are written under one lock.
//! - What gives rules their meaning beside themselves, such as the time zone, is a setting of the database
//!   (`audience/setting.rs`). It is read where rules are evaluated, in a refresh from its snapshot, and kept by no process.
//! - A segment is evaluated after those that its rule asks about, in the same run; the check refuses circles. An archived
//!   segment is not evaluated: it lends its last members. Past memberships come from the history that the snapshot shows.
//! - Moments lie in the years 1 to 9999 (UTC): every door reads or checks them by `rule/range.rs`, and `rule/calendar.rs`
//!   clamps what windows reach. The `as_of` of refreshes never goes backwards (`refresh/order.rs`).
//! - A rule that fails while it is evaluated makes its own segment invalid (`refresh/culprit.rs`), and so does one that
//!   exceeds its budget of time (`scan/budget.rs`); the others go on.
//! - Who asks, and what they may do, is decided at the door (`server/door/access.rs`, with the keys of `server/door/keys.rs`); what a
//!   field asks for, by its coordinate (`graphql/engine/scope.rs`). A field that nobody thought of needs READ, a mutation WRITE.
//! - Every number keeps every bit, or is refused when it is written (`rule/number.rs`). What bounds events is one set for
//!   the API and for files (`audience/event_bounds.rs`).
//! - An export is of one snapshot, on a connection of its own, and reads page by page: what it takes does not grow with
//!   the audience. What exports write, imports read back as the same values (`audience/formula.rs`, `export/columns.rs`).
//! - Ids of subscribers are dense and never reused; nothing may insert with a conflict clause that wastes them. (Where
//!   the database itself goes down during an import, the batches of its last moment are lost with the ids they were given.)
//! - A batch of an import, what undoing needs to know of it, and the checkpoint behind it are one transaction; batches
//!   are committed in the order of the file. Imports run one at a time, under a lock.
//! - Every text and JSON document of an answer is counted (`graphql/engine/answer_budget.rs`); a test finds fields that are not.
//! - What clients send and read has bounds at the door: connections (`server/socket/connection.rs`), frames of sockets
//!   (`server/socket/frame_guard.rs`), files (`server/door/standing.rs`, `server/door/claims.rs`). A client that stops reading loses its
//!   connection with all that it holds.
//!
//! # Walkthrough: a question
//!
//! 1. `server/door/access.rs` looks at the host and the API key, and says who asks. `server/http/answer.rs` takes the bytes and
//!    refuses what is no request; `graphql/engine/document/` bounds and validates the document, asks for the scopes of its fields,
//!    judges the variables, reckons the cost and collects the fields to execute; `graphql/engine/api.rs` has async-graphql
//!    answer it, and bounds and completes the errors. `server/http/respond.rs` says by the status how it went.
//! 2. The resolver in `graphql/types/<noun>` reads the arguments and asks a loader, or runs one use case over `Db::run`.
//! 3. The loader gathers the keys of all parents and sends one statement (`audience/membership.rs` and its siblings).
//!
//! Over a WebSocket (`server/socket/websocket.rs`, with the protocol in `server/socket/protocol.rs`) the same happens, once for a query
//! and as often as there is news for a subscription. `server/loops/hub.rs` looks for the newest refreshes while somebody
//! listens, and wakes the streams of `graphql/types/subscription.rs`; each reads by itself what came after the position that it
//! told last (`past/feed.rs`), so that nothing is lost or told twice whichever process refreshes.
//!
//! # Walkthrough: a refresh
//!
//! 1. `refresh/schedule.rs` finds the job due, `refresh/step.rs` takes the advisory lock and opens the row of the run.
//! 2. The snapshot is taken; every active rule is parsed and checked against the catalogue; `evaluate/plan.rs` makes
//!    one plan of them all: equal leaves once, and the union of the columns.
//! 3. Workers take chunks of 16 blocks (`scan/scan.rs`), load their columns (`scan/load.rs`), evaluate the
//!    leaves, combine them per rule and compare with the stored blocks (`scan/blocks.rs`).
//! 4. One transaction writes blocks, changes and totals (`refresh/write.rs`). Readers see the old members or the new.
//!
//! # Walkthrough: a change that is followed at once
//!
//! 1. A trigger notes the subscriber in `touches`; the loop in `server/loops/follower.rs` is woken, or looks twice a second.
//! 2. `follow/instant.rs` takes the oldest touches and evaluates the instant segments for those ids, in one snapshot.
//! 3. One transaction flips bits, remembers who joined and left, and is done with the touches (`follow/touches.rs`). While
//!    a refresh runs they are kept, and the refresh leaves the instant segments of those subscribers alone.
//!
//! # Walkthrough: an import
//!
//! 1. `createImport` or `rollcall import` makes a row of `imports`; the file comes by `server/http/upload.rs` to the spool, or is
//!    named where it is. The loop in `server/loops/importer.rs`, or the command, runs it (`import/run.rs`).
//! 2. The file is unpacked and decoded as a stream (`source.rs`), its columns are mapped (`plan.rs`), rows are cleaned and
//!    gathered to batches in a thread of their own (`reader.rs`).
//! 3. Two connections write batches in turns (`subscribers.rs`): who is new by `COPY`, who is known staged and merged by one
//!    statement that also remembers how they were, and memberships beside the next batch.

pub mod cli;
pub mod config;
pub mod server;

pub mod graphql;

pub mod export;
pub mod import;

pub mod follow;
pub mod past;
pub mod refresh;
pub mod scan;

pub mod audience;

pub mod db;

pub mod evaluate;

pub mod rule;

pub mod text;

pub mod cancel;
pub mod clock;
pub mod error;
pub mod live;
