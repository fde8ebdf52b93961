//! The running uploads: a limited number at a time, and one for each import.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The running uploads.
pub struct Uploads {
    free: Arc<Semaphore>,
    claimed: Arc<Mutex<HashSet<i64>>>,
}

/// Why an upload cannot begin.
#[derive(Debug, PartialEq, Eq)]
pub enum Busy {
    /// Another upload for the same import is running.
    SameImport,
    /// As many uploads are running as are allowed.
    Full,
}

/// The permit to upload the file of an import. Dropping it frees the permit.
pub struct Claim {
    import: i64,
    claimed: Arc<Mutex<HashSet<i64>>>,
    _permit: OwnedSemaphorePermit,
}

impl Uploads {
    /// Allows this many uploads at a time.
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
