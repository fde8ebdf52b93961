//! Rules about the source itself: which room may use which, which libraries it may know, and how long a file may be.

mod circles;
mod floors;
mod source;
