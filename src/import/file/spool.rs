//! Spool directory: uploaded copies of files to import. Other files are read in place.

use super::unreadable::unreadable;
use crate::error::Error;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use twox_hash::XxHash64;

/// The directory for uploaded copies.
#[derive(Debug, Clone)]
pub struct Spool {
    dir: PathBuf,
    /// The maximum size of a copy, in bytes.
    max_size: u64,
}

/// A file that is ready to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpooledFile {
    /// The path of the file.
    pub path: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// The XXH64 of its bytes.
    pub hash: String,
    /// Whether it is a copy in the spool directory, and not a file that is read in place.
    pub is_spooled: bool,
}

/// Numbers the copies of this process, so that their names differ.
static COPIES: AtomicU64 = AtomicU64::new(0);

/// The path in the error about a file that is too large.
pub const TOO_LARGE: &str = "size";

/// The prefix of the names of copies.
const PREFIX: &str = "import-";

impl Spool {
    /// Returns a spool in that directory, which is created when it is first needed.
    pub fn new(dir: PathBuf, max_size: u64) -> Spool {
        Spool { dir, max_size }
    }

    /// The maximum size of a copy, in bytes.
    pub fn max_size(&self) -> u64 {
        self.max_size
    }

    /// Whether a file is in this spool.
    pub fn holds(&self, path: &Path) -> bool {
        path.parent() == Some(self.dir.as_path()) && path.is_file()
    }

    /// Begins a copy.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the copy cannot be created.
    pub fn begin(&self) -> Result<Writing, Error> {
        fs::create_dir_all(&self.dir).map_err(|error| not_made(&self.dir, &error))?;
        loop {
            let number = COPIES.fetch_add(1, Ordering::Relaxed);
            let path = self
                .dir
                .join(format!("{PREFIX}{}-{number}", std::process::id()));
            let mut options = File::options();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            match options.open(&path) {
                Ok(file) => {
                    return Ok(Writing {
                        file,
                        path: Some(path),
                        size: 0,
                        max_size: self.max_size,
                        hash: XxHash64::default(),
                    });
                }
                // The copy was left by a dead process with the same process id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(not_made(&self.dir, &error)),
            }
        }
    }

    /// Copies a source to its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the source cannot be read or is too large; [`Error::Unavailable`] if the copy cannot be
    /// stored.
    pub fn store(&self, mut source: impl Read) -> Result<SpooledFile, Error> {
        let mut writing = self.begin()?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return writing.finish(),
                Ok(read) => writing.write(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
    }

    /// Removes copies that are not in `kept` and have not been written to for an hour. Returns how many it removed.
    /// Copies that cannot be removed are skipped.
    pub fn remove_others(&self, kept: &[PathBuf]) -> Result<usize, Error> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Ok(0);
        };
        let mut removed = 0;
        for entry in entries.flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
            let is_old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age.as_secs() > 3_600));
            if is_ours && is_old && !kept.contains(&entry.path()) {
                removed += usize::from(fs::remove_file(entry.path()).is_ok());
            }
        }
        Ok(removed)
    }
}

fn not_made(dir: &Path, error: &io::Error) -> Error {
    Error::Unavailable(format!(
        "the directory for files to import, \"{}\", cannot be used: {error}",
        dir.display()
    ))
}

/// A copy that is being written. If it is dropped before [`Writing::finish`], it is removed.
pub struct Writing {
    file: File,
    path: Option<PathBuf>,
    size: u64,
    max_size: u64,
    hash: XxHash64,
}

impl Writing {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the copy becomes too large; [`Error::Unavailable`] if it cannot be stored.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > self.max_size {
            let message = format!(
                "expected a file of at most {} bytes, found more",
                self.max_size
            );
            return Err(Error::invalid(TOO_LARGE, message));
        }
        self.hash.write(bytes);
        self.file
            .write_all(bytes)
            .map_err(|error| Error::Unavailable(format!("the file cannot be stored: {error}")))
    }

    /// Ends the copy, and syncs it to the disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be stored.
    pub fn finish(mut self) -> Result<SpooledFile, Error> {
        self.file
            .sync_all()
            .map_err(|error| Error::Unavailable(format!("the file cannot be stored: {error}")))?;
        Ok(SpooledFile {
            path: self.path.take().unwrap_or_default(),
            size: self.size,
            hash: format!("{:016x}", self.hash.finish()),
            is_spooled: true,
        })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // If this fails, `remove_others` removes the copy when it is old.
            let _ = fs::remove_file(path);
        }
    }
}

/// Returns a file that is read in place, with its size and its hash.
///
/// # Errors
/// [`Error::Invalid`] if the file cannot be read.
pub fn in_place(path: &Path) -> Result<SpooledFile, Error> {
    let path = std::path::absolute(path).map_err(unreadable)?;
    let file = File::open(&path).map_err(unreadable)?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut hash = XxHash64::default();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            read => {
                hash.write(&buffer[..read]);
                size += read as u64;
            }
        }
    }
    Ok(SpooledFile {
        path,
        size,
        hash: format!("{:016x}", hash.finish()),
        is_spooled: false,
    })
}
