//! Lists that are searched, filtered and ordered, counts by status, and tags.

mod named;
mod people;
mod reuse;
mod statuses;
mod tags;
