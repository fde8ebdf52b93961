//! What large answers may take together, while they are made and until they are read: one answer has a bound of its own,
//! but many of that size would take the memory of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of each answer are not counted. Small answers are always made, however many large ones there are.
pub const SMALL: usize = 1 << 20;

/// How many large answers are made at the same time. Others wait: what is loaded for an answer is not counted, and its parts
/// are there twice while they are put together.
const MADE_AT_ONCE: usize = 4;

/// The permission to make a large answer.
pub type LargeAnswerPermit = OwnedSemaphorePermit;

/// How many bytes large answers may take together, and how many they take.
pub struct AnswerMemory {
    limit: usize,
    used: AtomicUsize,
    permits: Arc<Semaphore>,
    /// Those of sockets and event streams. While a client does not read, its next answers are not made any further, and would keep
    /// all others waiting.
    of_streams: Arc<Semaphore>,
}

impl AnswerMemory {
    /// Memory of which nothing is used.
    pub fn new(limit: usize) -> Arc<AnswerMemory> {
        Arc::new(AnswerMemory {
            limit,
            used: AtomicUsize::new(0),
            permits: Arc::new(Semaphore::new(MADE_AT_ONCE)),
            of_streams: Arc::new(Semaphore::new(MADE_AT_ONCE)),
        })
    }

    /// Waits until another large answer may be made.
    pub async fn permit_large(&self, is_streamed: bool) -> Option<LargeAnswerPermit> {
        let permits = match is_streamed {
            true => &self.of_streams,
            false => &self.permits,
        };
        // Fails only where the semaphore is closed, which it never is.
        Arc::clone(permits).acquire_owned().await.ok()
    }

    /// Returns how many bytes large answers may take together.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// The part of it that one answer holds. It is free again when this is dropped.
pub struct Holding {
    memory: Arc<AnswerMemory>,
    bytes: AtomicUsize,
}

impl Holding {
    /// Holds nothing yet.
    pub fn new(memory: &Arc<AnswerMemory>) -> Holding {
        Holding {
            memory: Arc::clone(memory),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Holds more. Returns whether there is room for it.
    pub fn grow(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let before = self.memory.used.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.memory.limit
    }

    /// Gives back some of what is held.
    pub fn shrink(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.memory.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Hands on what is held, and holds nothing any more.
    pub fn take(&self) -> Holding {
        Holding {
            memory: Arc::clone(&self.memory),
            bytes: AtomicUsize::new(self.bytes.swap(0, Ordering::Relaxed)),
        }
    }

    /// The memory that it is a part of.
    pub fn memory(&self) -> &AnswerMemory {
        &self.memory
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.memory.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_free_again_when_nobody_holds_it() {
        let memory = AnswerMemory::new(100);
        let first = Holding::new(&memory);
        assert!(first.grow(60));
        let second = Holding::new(&memory);
        assert!(!second.grow(50), "110 bytes");
        drop(second);
        let handed = first.take();
        assert!(first.grow(40));
        drop(first);
        assert!(
            !Holding::new(&memory).grow(41),
            "what was handed on is held"
        );
        drop(handed);
        assert!(Holding::new(&memory).grow(100));
    }
}
