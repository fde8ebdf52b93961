//! The log of changes: everything that happens to the audience, in one order that readers can follow.
//!
//! Triggers write what a statement changes into `waiting_changes`, in the transaction of the change. Transactions commit
//! in another order than that in which they draw ids, so that these rows have no order yet that a reader could rely on.
//! [`settle`] gives them one: under a lock it moves what is committed into `changes`. Rows of one call keep the order of
//! their ids, and what commits later comes later. A change that saw another one committed therefore comes after it, and
//! nothing ever appears before a place that was read, however long a transaction takes.
//!
//! Who joined and left segments is not written twice. A refresh and the follower leave one row, which represents what they
//! wrote, and [`read`] looks that up.
//!
//! A reader keeps a [`Position`]. It names a row, its random token and the history of the database, so that a position of
//! another database, of a restored backup or of a time that is not kept any more is noticed: [`Error::Resync`].
//!
//! [`Error::Resync`]: crate::error::Error::Resync

mod erase;
mod expand;
mod keep;
mod kind;
mod page;
mod position;
mod row;
mod settle;

pub use expand::{Fills, PEOPLE};
pub use keep::forget_changes;
pub use kind::{Kind, Noun, api_name};
pub use page::{Change, ChangePage, Reading, find_begun, find_last_seq, find_position, read};
pub use position::{Position, Within};
pub use settle::{hold_order, settle, settle_or_go_on};
