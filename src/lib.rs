//! Rollcall: a self-hosted GraphQL server that keeps an audience.
//!
//! **Subscribers** are people with an e-mail address. **Groups** have members chosen by hand: they change only when a
//! client changes them. **Segments** have members chosen by a rule: a daily refresh evaluates the rules, and
//! subscribers join and leave by themselves. Clients read the result as computed fields.
//!
//! # The idea
//!
//! A rule is evaluated by vectorised code over columns, never by building SQL from it, and membership is stored as
//! bitmaps, in blocks of 8,192 ids. One evaluator serves the refresh, the preview with its count at every node, and the
//! explanation of one subscriber. Postgres does what it is best at: holding the truth, scanning ranges, and giving
//! every worker the same snapshot.
//!
//! # Chapters
//!
//! The chapters in `docs/` say how to use Rollcall, one chapter in each file. The links lead there from `target/doc`.
//!
//! - [Tour](../../../docs/tour.md) and [console](../../../docs/console.md)
//! - [Rules](../../../docs/rules.md)
//! - [Import](../../../docs/import.md), [export](../../../docs/export.md) and [people's rights](../../../docs/rights.md)
//! - [History and live](../../../docs/history.md)
//! - [Webhooks](../../../docs/webhooks.md)
//! - [Keys and access](../../../docs/keys.md), [audit log](../../../docs/audit.md),
//!   [federation](../../../docs/federation.md), [API reference](../../../docs/api.md)
//! - [Settings](../../../docs/settings.md) and [operating](../../../docs/operating.md)
//! - [Architecture](../../../docs/architecture.md), with drawings of a query and a refresh
//!
//! # The floors
//!
//! A module uses only modules on lower floors. A test in `tests/house` checks the `use crate::` lines.
//!
//! | floor | holds | knows |
//! |---|---|---|
//! | [`cli`] | one file per subcommand | everything |
//! | [`server`] | sockets and time: HTTP, WebSockets, GraphiQL, access control, the loops of scheduler, follower, hub, webhooks and keys | actix-web |
//! | [`graphql`] | translation: `graphql/engine/` has documents, limits, loaders, paging and errors, `graphql/types/` one file or folder per noun | async-graphql |
//! | [`webhook`] | signed messages about changes, sent to other systems | diesel, ureq |
//! | [`export`] | files of people, memberships and events, streamed from one snapshot; all that is held about a person | diesel |
//! | [`import`] | files of people and events: opened, mapped, cleaned, written in batches, undone | diesel |
//! | [`backup`] | one file with everything, from one snapshot: made, kept, checked and restored | diesel |
//! | [`bulk`] | changes of many subscribers as jobs, run block by block, undone | diesel |
//! | [`follow`] | what instant segments do right after a change | diesel |
//! | [`refresh`] | the step, its schedule, and writing what it found | diesel |
//! | [`scan`] | evaluating rules over the audience: snapshot, column loading, blocks; previews and explanations | diesel |
//! | [`changes`] | the log of all changes in one order, positions in it, reading it | diesel |
//! | [`past`] | members at a moment, growth, what is new, positions | diesel |
//! | [`audience`] | the nouns: types, invariants and their SQL | diesel |
//! | [`db`] | connections, migrations, the embedded Postgres | diesel |
//! | [`evaluate`] | checked rules and columns to bitmaps; pure | Arrow |
//! | [`rule`] | the language: parse, check, problems, limits, words; pure | nothing |
//! | [`text`] | the normal form of texts, addresses and codes, for stored values and values in rules | nothing |
//!
//! [`config`], [`app`], [`live`], [`metrics`], [`traces`], [`clock`], [`cancel`] and [`error`] are single modules beside them.
//!
//! # Invariants
//!
//! - No SQL is ever built from a rule: rules name fields, and fields name columns in one place
//!   (`audience/field_column.rs`).
//! - `rule` and `evaluate` know no database, no clock and no asynchronous code.
//! - Only [`db::Db`] touches the pool, only [`clock::Clock`] asks for the time; everything below the API takes `now`.
//! - A refresh never updates a row of `segments`. Only a refresh, the follower of instant segments and a deletion write
//!   `segment_blocks`, one at a time (`audience/member_lock.rs` has the lock).
//! - Locks (`db/advisory_lock.rs` names them) are taken in one order: rules, types of custom fields, members, a group, subscribers
//!   by id, and then what belongs to them by key. [`db::Db::run`] repeats work whose transaction deadlocked, from its
//!   beginning. Therefore the work writes in one transaction.
//! - While instant segments exist, every change of a subscriber writes a touch in the same transaction. Triggers write it.
//!   A touch is deleted only when it was followed and no refresh with an older snapshot can write any more.
//! - The past is the present with every later change undone (`past/as_of.rs`): code that writes members also records
//!   what changed, and a deletion is such a change. All changes have one order (`past/position.rs`), in which they become
//!   visible, since they are written under one lock.
//! - Settings that give rules their meaning, such as the time zone, are settings of the database (`audience/setting.rs`).
//!   They are read where rules are evaluated, in a refresh from its snapshot. No process caches them.
//! - A segment is evaluated after the segments that its rule uses, in the same run; the check refuses circles. An archived
//!   segment is not evaluated: rules that use it see its last members. Past memberships come from the history that the
//!   snapshot shows.
//! - Moments are in the years 1 to 9999 (UTC): every entry point reads or checks them by `rule/range.rs`, and
//!   `rule/calendar.rs` clamps the ends of windows. The `as_of` of refreshes never goes backwards (`refresh/order.rs`).
//! - A rule that fails while it is evaluated makes its own segment invalid (`refresh/culprit.rs`), and so does a rule
//!   that exceeds its budget of time (`scan/budget.rs`). Other segments are refreshed.
//! - `server/door/access.rs` decides who the caller is and which scopes the caller has (with the keys of
//!   `server/door/keys.rs`). `graphql/engine/scope.rs` decides which scope a field needs, by its coordinate. A field without
//!   an explicit scope needs READ, a mutation WRITE.
//! - A mutation goes through `graphql/engine/change.rs`, which writes its row of the audit log in the same transaction. Other
//!   actions write their row by `audience/audit.rs`. A row has ids and names, and no value of a field.
//! - Every number keeps every bit, or is refused when it is written (`rule/number.rs`). The API and files have the same
//!   bounds for events (`audience/event_bounds.rs`).
//! - An export reads one snapshot, on a connection of its own, page by page: its memory does not grow with the audience.
//!   What an export writes, an import reads back as the same values (`audience/formula.rs`, `export/columns.rs`).
//! - Ids of subscribers are dense and never reused. No insert may have a conflict clause that wastes ids. (If the database
//!   itself crashes during an import, its last batches are lost together with their ids.)
//! - A batch of an import, its undo data and the checkpoint after it are one transaction. Batches are committed in the order
//!   of the file. Imports run one at a time, under a lock.
//! - An endpoint of a webhook is a reader of the log of changes. No message is stored. A cursor moves past a message only when
//!   the receiver has accepted it. While a message is being sent, no connection to the database is held
//!   (`webhook/delivery.rs`).
//! - Every text and JSON document of an answer is counted (`graphql/engine/answer_budget.rs`); a test finds uncounted fields.
//! - Requests and answers are bounded where they enter and leave: connections (`server/socket/connection.rs`), frames of
//!   sockets (`server/socket/frame_guard.rs`), files (`server/door/key_watch.rs`, `server/door/claims.rs`). A client that stops
//!   reading loses its connection and everything that the connection holds.
//!
//! # Errors
//!
//! A function that uses the database fails with the errors of the database, which [`error::Error`] lists: it cannot be
//! reached, a statement took too long, other transactions kept changing the same rows. The section `# Errors` of a function
//! names only what else can go wrong, and what was done by then.
//!
//! # Walkthroughs
//!
//! A query, a refresh, a change that is followed at once and an import are walked through, with drawings, in
//! [Architecture](../../../docs/architecture.md).

// Panics are bugs: tests may use these functions, the library may not.
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod cli;
pub mod config;
pub mod server;

pub mod graphql;

pub mod webhook;

pub mod backup;
pub mod bulk;
pub mod export;
pub mod import;

pub mod changes;
pub mod follow;
pub mod past;
pub mod refresh;
pub mod scan;

pub mod audience;

pub mod db;

pub use rollcall_evaluate as evaluate;
pub use rollcall_evaluate::cancel;

pub use rollcall_rule as rule;

pub use rollcall_text as text;

pub mod app;
pub mod clock;
pub mod error;
pub mod live;
pub mod metrics;
pub mod traces;
