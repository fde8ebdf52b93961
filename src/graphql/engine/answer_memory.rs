//! The memory that large answers take together, from when they are made until they are read. Each answer has its own
//! limit, but many answers of that size would take the memory of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of each answer are not counted. So small answers are always made, however many large ones there are.
pub const SMALL: usize = 1 << 20;

/// How many large answers are made at the same time; others wait. What is loaded for an answer is not counted, and its
/// parts are in memory twice while they are put together.
const MADE_AT_ONCE: usize = 4;

/// The permission to make a large answer.
pub type LargeAnswerPermit = OwnedSemaphorePermit;

/// How many bytes large answers may take together, and how many they take now.
pub struct AnswerMemory {
    limit: usize,
    used: AtomicUsize,
    permits: Arc<Semaphore>,
    /// The permits of sockets and event streams. While a client does not read, its next answers are not made any
    /// further. With shared permits they would keep all other answers waiting.
    of_streams: Arc<Semaphore>,
}

impl AnswerMemory {
    /// Creates an unused memory of at most `limit` bytes.
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
        // Fails only if the semaphore is closed, which never happens.
        Arc::clone(permits).acquire_owned().await.ok()
    }

    /// Returns how many bytes large answers may take together.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// The part of the memory for answers that one answer holds. Dropping it frees that part.
pub struct Holding {
    memory: Arc<AnswerMemory>,
    bytes: AtomicUsize,
}

impl Holding {
    /// Creates a holding of no bytes.
    pub fn new(memory: &Arc<AnswerMemory>) -> Holding {
        Holding {
            memory: Arc::clone(memory),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Holds more bytes, even beyond the limit. Returns whether they are within the limit.
    pub fn grow(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let before = self.memory.used.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.memory.limit
    }

    /// Frees some of the held bytes.
    pub fn shrink(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.memory.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Moves all held bytes to the returned holding.
    pub fn take(&self) -> Holding {
        Holding {
            memory: Arc::clone(&self.memory),
            bytes: AtomicUsize::new(self.bytes.swap(0, Ordering::Relaxed)),
        }
    }

    /// Returns the memory that this is a part of.
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
