//! Which uploads and exports run: a limited number at a time, and one upload for each import.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The uploads that are under way.
pub struct Uploads {
    free: Arc<Semaphore>,
    claimed: Arc<Mutex<HashSet<i64>>>,
}

/// Why an upload cannot begin.
#[derive(Debug, PartialEq, Eq)]
pub enum Busy {
    /// Another one for the same import is under way.
    SameImport,
    /// As many are under way as are allowed.
    Full,
}

/// The right to upload the file of an import; given back when it is dropped.
pub struct Claim {
    import: i64,
    claimed: Arc<Mutex<HashSet<i64>>>,
    _permit: OwnedSemaphorePermit,
}

impl Uploads {
    /// Allows this many at a time.
    pub fn new(at_once: u32) -> Uploads {
        Uploads {
            free: Arc::new(Semaphore::new(at_once as usize)),
            claimed: Arc::default(),
        }
    }

    /// Claims the upload of an import.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn claim(&self, import: i64) -> Result<Claim, Busy> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.contains(&import) {
            return Err(Busy::SameImport);
        }
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_| Busy::Full)?;
        claimed.insert(import);
        Ok(Claim {
            import,
            claimed: Arc::clone(&self.claimed),
            _permit: permit,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&self.import);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_claimed_once_for_each_import_and_so_many_at_a_time() {
        let uploads = Uploads::new(2);
        let first = uploads.claim(1).expect("free");
        assert_eq!(uploads.claim(1).err(), Some(Busy::SameImport));
        let second = uploads.claim(2).expect("free");
        assert_eq!(uploads.claim(3).err(), Some(Busy::Full));
        drop(first);
        let third = uploads.claim(1).expect("free again");
        drop((second, third));
        assert!(uploads.claim(3).is_ok());
    }
}
