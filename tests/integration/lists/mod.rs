//! Lists that are searched, filtered and ordered, counts by status, and tags.

mod by_email;
mod named;
mod people;
mod reuse;
mod statuses;
mod tags;
