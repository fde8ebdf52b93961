//! The log of changes: everything that happens to the audience, in one order that readers can follow.
//!
//! Triggers write what a statement changes into `waiting_changes`, in the transaction of the change. Transactions
//! commit in another order than the one in which they draw ids, so readers cannot rely on the order of these rows.
//! [`settle`] gives them one: under a lock it moves committed rows into `changes`. Rows of one call keep the order of
//! their ids, and rows that are committed later come later. A change that saw another change committed therefore comes
//! after it, and nothing ever appears before a position that was read, however long a transaction takes.
//!
//! Joins and leaves of segments are not written twice. A refresh and the follower add one row, which represents what
//! they wrote, and [`read`] looks that up.
//!
//! A reader keeps a [`Position`]: a row, its random token and the history of the database. Reading fails with
//! [`Error::Resync`] if the position is of another database, of a restored backup, or before the changes that are kept.
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
pub use kind::{ChangeKind, ObjectKind, api_name};
pub use page::{Change, ChangePage, Reading, find_begun, find_last_seq, find_position, read};
pub use position::{Position, Within};
pub use settle::{hold_order, settle, settle_or_go_on};
