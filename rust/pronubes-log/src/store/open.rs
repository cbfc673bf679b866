//! Opening a folder, whatever lies in it.
//!
//! Rules of this file:
//! 1. No content keeps a log from opening: what cannot be used is moved to `damaged/`, never deleted. Only the lock and a disk that
//!    refuses again and again do.
//! 2. Only the last segment is read: a start takes as long with a large backlog as with a small one. The others are checked when read.
//! 3. Numbers go on behind all that may ever have been given: what is found, what positions say, and what was reserved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::meta::{self, Meta};
use super::{Segment, Settings, State, Store};
use crate::cursor::{Cursors, LEAP, NAMES};
use crate::format::{HEADER_BYTES, Packer, SegmentHeader};
use crate::fs::{Access, Fs, Lock};
use crate::scan::{Scanner, Step, patient, read_full};
use crate::stats::Stats;

const LOCK: &str = "LOCK";

/// Why a log cannot be opened. What lies in it is never the reason.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it.
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The operating system refuses.
    Io {
        /// What was done.
        what: &'static str,
        /// Its words.
        error: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir } => write!(out, "another process has `{}` open", dir.display()),
            Self::Io { what, error } => write!(out, "{what}: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

fn io_error(what: &'static str, dir: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let dir = dir.display().to_string();
    move |error| OpenError::Io { what, error: io::Error::new(error.kind(), format!("`{dir}`: {error}")) }
}

/// A file that can be a segment.
struct Candidate {
    path: PathBuf,
    first: u64,
    /// Nothing when it is damaged: frames say whose it is then.
    header: Option<SegmentHeader>,
    bytes: u64,
}

impl Store {
    /// Opens a folder; makes it if it is not there.
    ///
    /// # Errors
    /// Another process has it, or the operating system refuses.
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: &Path, settings: Settings, now_ns: i64) -> Result<Self, OpenError> {
        make_folder(&*fs, dir).map_err(io_error("the folder cannot be made", dir))?;
        let lock = match fs.lock(&dir.join(LOCK)) {
            Err(_) => {
                let mut store = Self::new(Arc::clone(&fs), dir, settings.clone(), now_ns, Box::new(()));
                store.set_aside(LOCK); // A link or a folder in its place.
                fs.lock(&dir.join(LOCK)).map_err(io_error("the lock cannot be taken", dir))?
            }
            Ok(lock) => lock,
        };
        let lock = lock.ok_or_else(|| OpenError::Locked { dir: dir.to_owned() })?;
        let mut store = Self::new(fs, dir, settings, now_ns, lock);
        store.find().map_err(io_error("the log cannot be read or written", dir))?;
        Ok(store)
    }

    fn new(fs: Arc<dyn Fs>, dir: &Path, settings: Settings, now_ns: i64, lock: Lock) -> Self {
        Self {
            fs,
            dir: dir.to_owned(),
            id: 0,
            settings,
            segments: VecDeque::new(),
            current: None,
            spare: None,
            backlog: VecDeque::new(),
            unsynced: VecDeque::new(),
            to_sync: Vec::new(),
            doomed: Vec::new(),
            sealed_end: 1,
            durable: 1,
            last_end: 1,
            is_closed: false,
            cursors: Cursors::default(),
            state: State::Ok,
            retry_ns: 0,
            backoff_ns: 0,
            saved_ns: now_ns,
            tidied_ns: now_ns,
            told: BTreeSet::new(),
            events: Vec::new(),
            stats: Stats::default(),
            names: 0,
            buffer: Vec::new(),
            packer: Packer::default(),
            _lock: lock,
        }
    }

    fn find(&mut self) -> io::Result<()> {
        let meta = meta::read(&*self.fs, &self.dir);
        let id = if let Meta::Is(id) = meta { Some(id) } else { None };
        self.cursors = Cursors::open(&*self.fs, &self.dir, id);
        let (candidates, mut strangers) = self.list()?;
        // Without `meta`, positions or else most of the segments say which log this is.
        let of_cursors = Some(self.cursors.log).filter(|log| *log != 0);
        self.id = id.or(of_cursors).or_else(|| most_frequent(&candidates)).unwrap_or_else(meta::new_id);
        if meta == Meta::Unknown {
            self.set_aside(meta::META);
        }
        for name in std::mem::take(&mut self.cursors.later) {
            self.set_aside(name);
        }
        let mut highest = 0;
        let mut segments = Vec::new();
        for candidate in candidates {
            highest = highest.max(candidate.first);
            match self.is_ours(&candidate) {
                true => segments.push(candidate),
                false => strangers.extend(candidate.path.file_name().map(|name| name.to_string_lossy().into_owned())),
            }
        }
        strangers.iter().for_each(|name| self.set_aside(name));
        self.take_segments(&segments);
        let known = segments.last().and_then(|last| last.header).map_or(0, |header| header.durable);
        let known = self.find_head(highest, known)?;
        self.write_tail_again(known)?;
        self.last_end = self.sealed_end;
        if id.is_none() {
            meta::write(&*self.fs, &self.dir, self.id)?;
        }
        self.cursors.log = self.id;
        self.save_cursors(self.saved_ns)?;
        self.fs.sync_dir(&self.dir)
    }

    /// Files that can be segments, by number, and names of those that only look so.
    fn list(&mut self) -> io::Result<(Vec<Candidate>, Vec<String>)> {
        let (mut found, mut strangers) = (Vec::new(), Vec::new());
        for entry in patient(|| self.fs.list(&self.dir))? {
            if entry.is_file && entry.name.ends_with(".tmp") {
                let _ = self.fs.remove(&self.dir.join(&entry.name));
                continue;
            }
            if !entry.is_file && NAMES.contains(&&*entry.name) {
                strangers.push(entry.name);
                continue;
            }
            let Some(first) = entry.name.strip_suffix(".seg") else { continue };
            let first = first.parse::<u64>().ok().filter(|_| first.len() == 20 && entry.is_file);
            let path = self.dir.join(&entry.name);
            let is_number = |first: &u64| *first > 0 && *first < u64::MAX / 2;
            let Some(first) = first.filter(is_number) else {
                strangers.push(entry.name);
                continue;
            };
            let header = self.header_of(&path).filter(|header| header.first == first);
            found.push(Candidate { path, first, header, bytes: entry.len });
        }
        Ok((found, strangers))
    }

    fn header_of(&self, path: &Path) -> Option<SegmentHeader> {
        let read = patient(|| {
            let file = self.fs.open(path, Access::Read)?;
            let mut bytes = [0; HEADER_BYTES];
            let length = read_full(&*file, &mut bytes, 0, HEADER_BYTES as u64)?;
            Ok((bytes, length))
        });
        let (bytes, length) = read.ok()?;
        SegmentHeader::decode(&bytes).filter(|_| length == HEADER_BYTES)
    }

    /// Whether a file is a segment of this log: its header says so, or one of its frames.
    fn is_ours(&self, candidate: &Candidate) -> bool {
        if let Some(header) = candidate.header {
            return header.log == self.id;
        }
        let Ok(file) = patient(|| self.fs.open(&candidate.path, Access::Read)) else { return false };
        let start = Self::first_offset();
        let mut scanner = Scanner::new(&*file, self.id, start, candidate.first, candidate.bytes);
        matches!(patient(|| scanner.step()), Ok(Step::Frame(..) | Step::Damage { .. }))
    }

    fn take_segments(&mut self, found: &[Candidate]) {
        for (at, candidate) in found.iter().enumerate() {
            let (path, first, bytes) = (candidate.path.clone(), candidate.first, candidate.bytes);
            let created_ns = candidate.header.map_or(self.saved_ns, |header| header.created_ns);
            self.names += 1;
            let life = self.names;
            let previous_end = candidate.header.map_or(first, |header| header.previous_end);
            let mut segment =
                Segment { life, path, first, previous_end, end: first, bytes, created_ns, last_ns: created_ns };
            match found.get(at + 1).map(|next| next.header) {
                // The next segment says where this one ends; how far the last one goes is found by reading it.
                Some(Some(next)) => (segment.end, segment.last_ns) = (next.previous_end.max(first), next.created_ns),
                Some(None) => _ = self.read_last(&mut segment, u64::MAX),
                None => {}
            }
            self.segments.push_back(segment);
        }
        // What is gone before the oldest was removed behind all positions, or else is lost.
        match found.first().map(|oldest| (oldest.first, oldest.header)) {
            Some((_, Some(header))) => self.note_lost(0..header.previous_end),
            Some((first, None)) if self.cursors.newest() >= first => self.note_lost(0..first),
            _ => {}
        }
    }

    /// Reads the last segment to its end and finds the number of the next record; up to where all is known to be durable.
    fn find_head(&mut self, highest: u64, mut known: u64) -> io::Result<u64> {
        if let Some(mut last) = self.segments.pop_back() {
            let read = self.read_last(&mut last, known);
            known = read?;
            if last.end == last.first {
                self.sealed_end = last.previous_end;
                self.doomed.push(last.path); // Begun, and nothing came to stand in it.
            } else {
                self.sealed_end = last.end;
                self.segments.push_back(last);
            }
        } else if self.cursors.end == 0 {
            self.sealed_end = self.cursors.newest();
        }
        if self.cursors.end > self.sealed_end {
            self.note_lost(self.sealed_end..self.cursors.end);
        }
        let found = self.sealed_end.max(self.cursors.newest()).max(highest.saturating_add(1));
        let is_fresh = self.segments.is_empty() && highest == 0;
        self.durable = match (self.cursors.is_known(), is_fresh) {
            (true, _) => found.max(self.cursors.reserved),
            (false, true) => found,
            (false, false) => {
                self.cursors.is_lost = true;
                found.saturating_add(LEAP)
            }
        };
        Ok(known)
    }
}

/// The log that most of the segments are of.
fn most_frequent(candidates: &[Candidate]) -> Option<u64> {
    let mut counts = BTreeMap::new();
    for candidate in candidates.iter().filter_map(|candidate| candidate.header) {
        *counts.entry(candidate.log).or_insert(0) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(log, _)| log)
}

/// Makes a folder; each parent that was made is synced into the one above.
fn make_folder(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    if fs.list(dir).is_ok() {
        return Ok(());
    }
    let existing =
        dir.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()).find(|parent| fs.list(parent).is_ok());
    fs.create_dir_all(dir)?;
    for parent in dir.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
        fs.sync_dir(parent)?;
        if Some(parent) == existing {
            break;
        }
    }
    Ok(())
}
