//! Spool directory: uploaded copies of files to import. Other files are read in place.

use super::source::unreadable;
use crate::error::Error;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use twox_hash::XxHash64;

/// A directory for copies.
#[derive(Debug, Clone)]
pub struct Spool {
    dir: PathBuf,
    /// The most bytes of a copy.
    max_size: u64,
}

/// A file that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpooledFile {
    /// Where it is.
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

/// The place of the problem that a file is too large.
pub const TOO_LARGE: &str = "size";

/// How copies are named.
const PREFIX: &str = "import-";

impl Spool {
    /// A spool in that directory, which is made when it is first needed.
    pub fn new(dir: PathBuf, max_size: u64) -> Spool {
        Spool { dir, max_size }
    }

    /// The most bytes of a copy.
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
    /// [`Error::Unavailable`] if it cannot be made.
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
                // Left by a dead process of the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(not_made(&self.dir, &error)),
            }
        }
    }

    /// Copies a source to its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it cannot be read or is too large; [`Error::Unavailable`] if it cannot be stored.
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

    /// Removes copies that none of these files is, and that have not been written to for an hour.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the directory cannot be read.
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

/// A copy that is being written; dropped before its end, it is removed.
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
    /// [`Error::Invalid`] if it becomes too large; [`Error::Unavailable`] if it cannot be stored.
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

    /// Ends the copy; it is on the disk then.
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
            // Nothing more can be done about it here; what is left is removed when it is old.
            let _ = fs::remove_file(path);
        }
    }
}

/// Takes a file where it is.
///
/// # Errors
/// [`Error::Invalid`] if it cannot be read.
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
