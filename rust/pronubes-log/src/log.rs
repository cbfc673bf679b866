//! The log as its owner sees it: appends, positions, records read back. Nothing here waits for the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use crate::cursor::Position;
use crate::event::LogEvent;
use crate::format::{Append, Builder, Cut, Frame, HEADER_BYTES, NameTable, Target, TooLarge};
use crate::fs::Fs;
use crate::mutants::{Mutant, is};
use crate::reader::Reader;
use crate::stats::LogStatus;
use crate::store::{OpenError, Settings, Store};
use crate::worker::{self, Answer, Outbox, Shared};

/// Who does the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// Threads of the log.
    #[default]
    Threads,
    /// [`Log::poll`], on its caller's thread: for tests that repeat.
    Inline,
}

/// What there is to be had of a record.
#[derive(Clone, Debug)]
pub enum Fetch {
    /// The frame that it lies in.
    Frame(Arc<Frame>),
    /// It is being read; [`Log::poll`] has it later.
    Later,
    /// It is not there any more, and nothing before `next` is.
    Lost {
        /// Where to go on.
        next: u64,
    },
    /// It is not written yet.
    End,
}

/// How many frames that were read are kept.
const CACHE: usize = 8;
/// How often the end tries a disk that takes nothing, for [`Runner::Inline`].
const LAST_TRIES: usize = 8;
/// How many emptied frames are kept for reuse.
const SPARE: usize = 8;

/// A log on the disk.
pub struct Log {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// For [`Runner::Inline`].
    reader: Option<Reader>,
    id: u64,
    frame_bytes: usize,
    sync_gap_ns: i64,
    memory_bytes: usize,
    names: Arc<dyn NameTable>,
    consumers: Vec<(Box<str>, Position, bool)>,
    builder: Builder,
    /// The number of the open frame's first record.
    open_first: u64,
    open_since_ns: i64,
    /// The time of the last [`Self::poll`].
    now_ns: i64,
    head: u64,
    durable: u64,
    /// Frames that are not durable.
    pending: VecDeque<Arc<Cut>>,
    pending_bytes: usize,
    spare: Vec<Vec<u8>>,
    cache: VecDeque<Arc<Frame>>,
    asked: BTreeSet<u64>,
    nothing: BTreeMap<u64, u64>,
    events: Vec<LogEvent>,
    status: LogStatus,
    /// The first number of this run.
    first: u64,
}

impl Log {
    /// Opens a log; makes it if it is not there. What lies in the folder never makes this fail.
    ///
    /// # Errors
    /// Another process has it, or the operating system refuses.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        settings: Settings,
        runner: Runner,
        names: Arc<dyn NameTable>,
        now_ns: i64,
    ) -> Result<Self, OpenError> {
        let (frame_bytes, sync_gap_ns, memory_bytes) =
            (settings.frame_bytes, settings.sync_gap_ns, settings.memory_bytes);
        let mut store = Store::open(fs, dir, settings, now_ns)?;
        let named = store.cursors.consumers.iter();
        let consumers = named.map(|consumer| (consumer.name.clone(), consumer.position.clone(), false)).collect();
        let (id, head) = (store.id, store.durable);
        let (events, status) = (std::mem::take(&mut store.events), store.status());
        let threads_error = |error| OpenError::Io { what: "the threads cannot be started", error };
        let shared = Arc::new(Shared::new(store, now_ns).map_err(threads_error)?);
        let (threads, reader) = match runner {
            Runner::Threads => (worker::start(&shared).map_err(threads_error)?, None),
            Runner::Inline => (Vec::new(), Some(Reader::default())),
        };
        Ok(Self {
            shared,
            threads,
            reader,
            id,
            frame_bytes,
            sync_gap_ns,
            memory_bytes,
            names,
            consumers,
            builder: Builder::default(),
            open_first: head,
            open_since_ns: now_ns,
            now_ns,
            head,
            durable: head,
            pending: VecDeque::new(),
            pending_bytes: 0,
            spare: Vec::new(),
            cache: VecDeque::new(),
            asked: BTreeSet::new(),
            nothing: BTreeMap::new(),
            events,
            status,
            first: head,
        })
    }

    /// A file descriptor that becomes readable when [`Self::poll`] has something to take.
    #[must_use]
    pub fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.reader.is_none().then(|| self.shared.wake_fd())
    }

    /// Other names behind the numbers of routes and sources, from the next record on.
    pub fn set_names(&mut self, names: Arc<dyn NameTable>) {
        self.cut();
        self.names = names;
    }

    /// The number that the next record gets. Numbers are never used twice.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Appends a record; its number. It never waits and is never refused for want of room: it stays in memory until the disk takes it, and
    /// [`Self::is_behind`] says when to stop.
    ///
    /// # Errors
    /// The record is longer than any frame may be.
    #[inline]
    pub fn append(&mut self, record: &Append<'_>, now_ns: i64) -> Result<u64, TooLarge> {
        if self.builder.count() > 0 && self.builder.size() + Builder::cost(record) > self.frame_bytes {
            self.cut();
        }
        if Builder::is_too_large(record) {
            return Err(TooLarge);
        }
        if self.builder.count() == 0 {
            self.open_since_ns = now_ns;
        }
        self.builder.append(record);
        self.head += 1;
        Ok(self.head - 1)
    }

    /// One more target of the record appended last. To be called before the next [`Self::append`], [`Self::flush`] or [`Self::fetch`].
    #[inline]
    pub fn also(&mut self, target: &Target<'_>) {
        self.builder.also(target);
    }

    /// Hands what has gathered to the writer, if it has gathered for long enough, or `force`.
    pub fn flush(&mut self, now_ns: i64, force: bool) {
        // A clock that was set back must not keep records from the disk.
        let is_due = now_ns >= self.open_since_ns.saturating_add(self.sync_gap_ns) || now_ns < self.open_since_ns;
        if self.builder.count() > 0 && (force || is_due) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.builder.count() == 0 {
            return;
        }
        let consumers = &self.consumers;
        let named =
            |number: u16| consumers.get(usize::from(number)).map_or_else(|| "".into(), |(name, ..)| name.clone());
        let bytes = self.spare.pop().unwrap_or_default();
        let cut = Arc::new(self.builder.cut((self.id, self.open_first, self.durable), &self.names, named, bytes));
        self.open_first = self.head;
        self.pending_bytes += cut.bytes.len();
        self.pending.push_back(Arc::clone(&cut));
        self.shared.write(cut);
    }

    /// When [`Self::flush`] has something to hand over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        (self.builder.count() > 0).then(|| self.open_since_ns.saturating_add(self.sync_gap_ns))
    }

    /// Takes what the threads have done.
    pub fn poll(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        if self.reader.is_some() {
            self.work(false, now_ns);
        }
        let Some(outbox) = self.shared.take_news() else { return };
        self.take(outbox);
    }

    /// The threads' work, for [`Runner::Inline`].
    fn work(&mut self, force: bool, now_ns: i64) {
        if is(Mutant::AckBeforeSync) {
            self.shared.sync_step(force, || now_ns);
            self.shared.write_step(now_ns);
        } else {
            self.shared.write_step(now_ns);
            self.shared.sync_step(force, || now_ns);
        }
        if let Some(reader) = &mut self.reader {
            self.shared.read_step(reader);
        }
    }

    fn take(&mut self, outbox: Outbox) {
        self.durable = self.durable.max(self.shared.durable());
        while self.pending.front().is_some_and(|frame| frame.end <= self.durable) {
            let Some(frame) = self.pending.pop_front() else { break };
            self.pending_bytes -= frame.bytes.len();
            if let Ok(cut) = Arc::try_unwrap(frame)
                && self.spare.len() < SPARE
                && cut.bytes.capacity() <= 2 * self.frame_bytes
            {
                self.spare.push(cut.bytes);
            }
        }
        for (seq, answer) in outbox.answers {
            self.asked.remove(&seq);
            match answer {
                Answer::Frame(frame) => {
                    if self.cache.len() >= CACHE {
                        self.cache.pop_front();
                    }
                    self.cache.push_back(frame);
                }
                Answer::Nothing { next } => {
                    self.nothing.insert(seq, next);
                }
            }
        }
        self.events.extend(outbox.events);
        if let Some(status) = outbox.status {
            self.status = status;
        }
    }

    /// Records below this number are on the disk.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether whoever appends is to stop: too much waits in memory, the log is full, or the disk fails.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.pending_bytes + self.builder.size() > self.memory_bytes || self.shared.is_stuck()
    }

    /// The frame that a record lies in.
    pub fn fetch(&mut self, seq: u64) -> Fetch {
        if seq >= self.head {
            return Fetch::End;
        }
        if let Some(at) = self.cache.iter().position(|frame| frame.first() <= seq && seq < frame.end()) {
            let Some(frame) = self.cache.get(at).map(Arc::clone) else { return Fetch::Later };
            self.read_ahead(frame.end());
            return Fetch::Frame(frame);
        }
        if seq >= self.open_first {
            self.cut();
        }
        if let Some(frame) = self.fetch_pending(seq) {
            return Fetch::Frame(frame);
        }
        if let Some(next) = self.nothing.remove(&seq) {
            return Fetch::Lost { next };
        }
        if self.asked.insert(seq) {
            self.shared.ask(seq);
            if let Some(reader) = &mut self.reader {
                self.shared.read_step(reader);
                if let Some(outbox) = self.shared.take_news() {
                    self.take(outbox);
                    return self.fetch(seq);
                }
            }
        }
        Fetch::Later
    }

    /// A frame that is in memory still.
    fn fetch_pending(&mut self, seq: u64) -> Option<Arc<Frame>> {
        let at = self.pending.partition_point(|frame| frame.end <= seq);
        let cut = self.pending.get(at).filter(|frame| frame.first <= seq)?;
        let (header, body) = cut.bytes.split_first_chunk::<HEADER_BYTES>()?;
        let mut frame = Frame::decode(header, body)?;
        frame.number(|name| self.number(name));
        let frame = Arc::new(frame);
        if self.cache.len() >= CACHE {
            self.cache.pop_front();
        }
        self.cache.push_back(Arc::clone(&frame));
        Some(frame)
    }

    /// Asks for the frame behind one that was fetched, so that it is there when it is wanted.
    fn read_ahead(&mut self, next: u64) {
        let is_known = || self.cache.iter().any(|frame| frame.first() <= next && next < frame.end());
        if self.reader.is_none()
            && next < self.durable
            && !self.nothing.contains_key(&next)
            && !is_known()
            && self.asked.insert(next)
        {
            self.shared.ask(next);
        }
    }

    fn number(&self, name: &str) -> Option<u16> {
        self.consumers.iter().position(|(known, ..)| **known == *name).and_then(|at| u16::try_from(at).ok())
    }

    /// The number of a consumer. One that the log does not know begins with the next record.
    pub fn consumer(&mut self, name: &str) -> u16 {
        let mut store = self.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
        // Without positions nobody knows what a consumer has: it gets everything that is there.
        let start = if store.cursors.is_lost { store.oldest() } else { self.head };
        let number = store.cursors.register(name, start);
        let known = store.cursors.consumers.get(usize::from(number)).cloned();
        drop(store);
        if let Some(consumer) = known {
            match self.consumers.get_mut(usize::from(number)) {
                Some(entry) => *entry = (consumer.name, consumer.position, true),
                None => self.consumers.push((consumer.name, consumer.position, true)),
            }
        }
        number
    }

    /// How far a consumer has come.
    #[must_use]
    pub fn position(&self, consumer: u16) -> Position {
        self.consumers.get(usize::from(consumer)).map(|(_, position, _)| position.clone()).unwrap_or_default()
    }

    /// A consumer has come so far. It is saved at most once a second.
    pub fn set_position(&mut self, consumer: u16, position: Position) {
        if let Some((_, known, _)) = self.consumers.get_mut(usize::from(consumer))
            && *known != position
        {
            known.clone_from(&position);
            self.shared.set_position(consumer, position);
        }
    }

    /// All consumers: number, name, position.
    pub fn consumers(&self) -> impl Iterator<Item = (u16, &str, &Position)> {
        self.consumers.iter().enumerate().map(|(number, (name, position, _))| (number as u16, &**name, position))
    }

    /// An operator drops what a consumer has not got.
    pub fn forget(&mut self, consumer: u16) {
        let mut store = self.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.forget(consumer);
        if let Some((_, position, is_present)) = self.consumers.get_mut(usize::from(consumer)) {
            (*position, *is_present) = (Position { pending: Vec::new(), next: self.head }, false);
        }
    }

    /// What has happened since the last call.
    pub fn events(&mut self) -> Vec<LogEvent> {
        std::mem::take(&mut self.events)
    }

    /// How the log is. What the threads know is as of the last sync.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        let mut status = self.status.clone();
        (status.head, status.durable) = (self.head, self.durable);
        status.pending_records = self.head - self.durable.min(self.head);
        status.pending_bytes = self.pending_bytes + self.builder.size();
        let in_segments = status.numbers.last().map_or(self.first, |last| last.end.max(self.first));
        status.numbers.push(in_segments..self.head);
        for (name, position, is_present) in &self.consumers {
            let owed = crate::stats::ConsumerStatus::owed(position, status.numbers.iter().cloned());
            if let Some(consumer) = status.consumers.iter_mut().find(|consumer| consumer.name == *name) {
                (consumer.records_at_most, consumer.is_present) = (owed, *is_present);
            }
        }
        status
    }

    /// The end: everything is written, synced and saved. Waits for the disk, for five seconds when it takes nothing.
    pub fn close(mut self) {
        self.cut();
        if self.reader.is_some() {
            let is_done = |log: &mut Self| {
                log.work(true, log.now_ns);
                let mut store = log.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
                store.hurry();
                !store.has_work()
            };
            let _ = (0..LAST_TRIES).any(|_| is_done(&mut self));
        }
        self.shared.finish(false);
        self.join();
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner).leave();
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A log that is dropped without [`Log::close`] leaves the disk as it is.
impl Drop for Log {
    fn drop(&mut self) {
        self.shared.finish(true);
        self.join();
    }
}
