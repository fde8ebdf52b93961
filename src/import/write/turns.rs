//! The order in which two writers write and commit the batches of an import.

use crate::error::Error;
use std::sync::{Condvar, Mutex, PoisonError};

/// Why a writer stopped.
pub enum Stopped {
    /// The import was cancelled.
    Cancelled,
    /// The other writer has stopped.
    ByOther,
    /// The writer failed.
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Failed(error)
    }
}

impl From<diesel::result::Error> for Stopped {
    fn from(error: diesel::result::Error) -> Stopped {
        Stopped::Failed(error.into())
    }
}

/// Makes writers wait, so that batches are placed in order and committed in order.
pub struct Turns {
    state: Mutex<TurnState>,
    changed: Condvar,
}

struct TurnState {
    /// The last batch whose first part is written.
    placed: i32,
    /// The last batch that is committed.
    committed: i32,
    has_stopped: bool,
}

impl Turns {
    /// Begins after the batches that are done.
    pub fn new(done: i32) -> Turns {
        Turns {
            state: Mutex::new(TurnState {
                placed: done,
                committed: done,
                has_stopped: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits until the previous batch is placed, or committed if `follows` is set.
    pub fn wait_to_place(&self, number: i32, follows: bool) -> Result<(), Stopped> {
        self.wait(|state| {
            let done = if follows {
                state.committed
            } else {
                state.placed
            };
            // A batch that is retried was placed already.
            done + 1 >= number
        })
    }

    /// Waits until the previous batch is committed.
    pub fn wait_to_commit(&self, number: i32) -> Result<(), Stopped> {
        self.wait(|state| state.committed + 1 == number)
    }

    fn wait(&self, is_ready: impl Fn(&TurnState) -> bool) -> Result<(), Stopped> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |state: &mut TurnState| !is_ready(state) && !state.has_stopped;
        let state = self
            .changed
            .wait_while(state, waits)
            .unwrap_or_else(PoisonError::into_inner);
        if state.has_stopped {
            return Err(Stopped::ByOther);
        }
        Ok(())
    }

    /// Notes that the first part of a batch is written.
    pub fn placed(&self, number: i32) {
        self.change(|state| state.placed = state.placed.max(number));
    }

    /// Notes that a batch is committed.
    pub fn commit(&self, number: i32) {
        self.change(|state| state.committed = number);
    }

    fn change(&self, change: impl FnOnce(&mut TurnState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// Stops the other writer when dropped.
pub struct StopOthers<'t>(&'t Turns);

impl<'t> StopOthers<'t> {
    /// Returns a guard for a writer.
    pub fn new(turns: &'t Turns) -> StopOthers<'t> {
        StopOthers(turns)
    }
}

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.has_stopped = true);
    }
}
