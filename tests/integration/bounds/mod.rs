//! Bounds: no question takes the server down, and work stops when nobody waits for it.

mod answers;
mod supervision;
mod work;
