//! The file system as the log sees it: a trait, so that tests can make every call fail, and the real one.
//!
//! Rules of this file:
//! 1. Nothing else in this crate touches files.
//! 2. Folders are made with mode 0700, files with 0600; no symbolic link is followed at the end of a path: logs hold process data.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file or folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Its name. Names that are not UTF-8 are never ours and are left out.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// Whether it is a regular file.
    pub is_file: bool,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To read and write.
    Write,
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this user may still write.
    pub free: u64,
    /// Its size.
    pub total: u64,
}

/// A lock on a folder; dropping it gives the folder free.
pub type Lock = Box<dyn Send + Sync>;

/// What the log asks of a file system.
pub trait Fs: Send + Sync {
    /// Makes a folder and its parents (mode 0700).
    ///
    /// # Errors
    /// The operating system's.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// What lies in a folder, sorted by name.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    /// Makes a file that is not there yet (mode 0600), to read and write.
    ///
    /// # Errors
    /// The operating system's; `AlreadyExists` if it is there.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens a file that is there.
    ///
    /// # Errors
    /// The operating system's.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>>;
    /// Renames a file, replacing what has the new name.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes what was created, renamed and removed in a folder durable.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Room on the file system of a folder.
    ///
    /// # Errors
    /// The operating system's.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Locks a file, made if needed, until the lock is dropped or the process ends; nothing when another process has it.
    ///
    /// # Errors
    /// The operating system's.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
}

/// An open file. Reads and writes name their place, so that threads can share it.
pub trait File: Send + Sync {
    /// Writes bytes; how many, perhaps fewer.
    ///
    /// # Errors
    /// The operating system's.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Reads bytes; how many, perhaps fewer, 0 at the end.
    ///
    /// # Errors
    /// The operating system's.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes what was written durable (fdatasync). After an error the state of the file is unknown: it is never called on it again.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or extends the file.
    ///
    /// # Errors
    /// The operating system's.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves room for the first `len` bytes.
    ///
    /// # Errors
    /// The operating system's; `StorageFull` when there is none.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// The file's length.
    ///
    /// # Errors
    /// The operating system's.
    fn size(&self) -> io::Result<u64>;
}

mod real;

pub use real::RealFs;
