//! Bounds: no question takes the server down, and work stops when nobody waits for it.

mod slow;
mod supervision;
mod work;
