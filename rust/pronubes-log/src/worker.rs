//! The threads of a log: one writes, one syncs, one reads. The pipeline's thread never waits for any of them.
//!
//! Rules of this file:
//! 1. The store is not locked while a sync is under way, nor while a frame is read.
//! 2. What the threads have done is put down first and announced then: whoever is woken finds it.
//! 3. Every wait has a time-out, so that a lost signal costs a quarter of a second and nothing else.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cursor::Position;
use crate::event::LogEvent;
use crate::format::{Cut, Frame};
use crate::mutants::{Mutant, is};
use crate::reader::{Found, Reader};
use crate::stats::LogStatus;
use crate::store::{State, Store};

/// How long a thread waits for a signal at most.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long the end waits for a disk that takes nothing.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// The answer to a request to read.
pub(crate) enum Answer {
    Frame(Arc<Frame>),
    Nothing { next: u64 },
}

/// What goes to the threads.
#[derive(Default)]
struct Inbox {
    frames: Vec<Arc<Cut>>,
    positions: Vec<(u16, Position)>,
    reads: VecDeque<u64>,
    has_written: bool,
    is_closing: bool,
    is_abandoned: bool,
    writer_is_done: bool,
}

/// What comes from the threads.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) answers: Vec<(u64, Answer)>,
    pub(crate) events: Vec<LogEvent>,
    pub(crate) status: Option<LogStatus>,
}

/// What the threads and the pipeline's thread share.
pub(crate) struct Shared {
    /// Guards the folder; held while frames are written and segments begun, by the log's own threads only (and at a start).
    pub(crate) store: Mutex<Store>,
    /// Guards what goes to the threads; held for moments.
    inbox: Mutex<Inbox>,
    signal: Condvar,
    /// Guards what comes from the threads; held for moments.
    outbox: Mutex<Outbox>,
    durable: AtomicU64,
    is_stuck: AtomicBool,
    has_news: AtomicBool,
    wake: Wake,
    /// The end of what an earlier run wrote.
    run_first: u64,
    clock: Clock,
}

/// A pair of sockets: a byte in it makes the one end readable.
struct Wake {
    write: UnixStream,
    read: UnixStream,
}

struct Clock {
    began: Instant,
    began_ns: i64,
}

impl Clock {
    fn now_ns(&self) -> i64 {
        self.began_ns.saturating_add(i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(store: Store, now_ns: i64) -> std::io::Result<Self> {
        let (write, read) = UnixStream::pair()?;
        write.set_nonblocking(true)?;
        read.set_nonblocking(true)?;
        let durable = store.durable;
        Ok(Self {
            store: Mutex::new(store),
            inbox: Mutex::default(),
            signal: Condvar::new(),
            outbox: Mutex::default(),
            durable: AtomicU64::new(durable),
            is_stuck: AtomicBool::new(false),
            has_news: AtomicBool::new(false),
            wake: Wake { write, read },
            run_first: durable,
            clock: Clock { began: Instant::now(), began_ns: now_ns },
        })
    }

    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.read.as_fd()
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Whether the disk is full or fails.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    pub(crate) fn write(&self, frame: Arc<Cut>) {
        lock(&self.inbox).frames.push(frame);
        self.signal.notify_all();
    }

    pub(crate) fn set_position(&self, consumer: u16, position: Position) {
        let mut inbox = lock(&self.inbox);
        // The newest says it all: while a disk hangs in a sync, they must not pile up.
        match inbox.positions.iter_mut().find(|(waiting, _)| *waiting == consumer) {
            Some((_, waiting)) => *waiting = position,
            None => inbox.positions.push((consumer, position)),
        }
    }

    pub(crate) fn ask(&self, seq: u64) {
        lock(&self.inbox).reads.push_back(seq);
        self.signal.notify_all();
    }

    /// What the threads have done since the last call, if anything.
    pub(crate) fn take_news(&self) -> Option<Outbox> {
        if !self.has_news.load(Ordering::Acquire) {
            return None;
        }
        let mut outbox = lock(&self.outbox);
        let mut bytes = [0; 64];
        while matches!((&self.wake.read).read(&mut bytes), Ok(count) if count == bytes.len()) {}
        self.has_news.store(false, Ordering::Release);
        Some(std::mem::take(&mut *outbox))
    }

    /// Puts something into the outbox. The socket has a byte just when there is news: both change under the lock.
    fn announce(&self, put: impl FnOnce(&mut Outbox) -> bool) {
        let mut outbox = lock(&self.outbox);
        if put(&mut outbox) && !self.has_news.swap(true, Ordering::AcqRel) {
            let _ = (&self.wake.write).write(&[1]);
        }
    }

    /// The end: what is there is written and synced, or (`abandon`) left as it is.
    pub(crate) fn finish(&self, abandon: bool) {
        let mut inbox = lock(&self.inbox);
        inbox.is_closing = true;
        inbox.is_abandoned |= abandon;
        drop(inbox);
        self.signal.notify_all();
    }

    /// Writes what the inbox has.
    pub(crate) fn write_step(&self, now_ns: i64) {
        let mut inbox = lock(&self.inbox);
        let (frames, positions) = (std::mem::take(&mut inbox.frames), std::mem::take(&mut inbox.positions));
        drop(inbox);
        let mut store = lock(&self.store);
        store.push(frames);
        store.set_positions(positions); // What a bound drops is counted against them.
        store.write(now_ns);
        if is(Mutant::AckBeforeSync) {
            self.durable.store(store.durable, Ordering::Release);
            self.announce(|_| true);
        }
        self.is_stuck.store(store.state != State::Ok, Ordering::Relaxed);
    }

    /// Syncs what is written, saves positions, tidies up.
    pub(crate) fn sync_step(&self, force: bool, now_ns: impl Fn() -> i64) {
        let ticket = lock(&self.store).begin_sync();
        let began_ns = now_ns();
        let result = ticket.as_ref().map(crate::store::Ticket::sync);
        let ended_ns = now_ns();
        let positions = std::mem::take(&mut lock(&self.inbox).positions);
        let mut store = lock(&self.store);
        if let (Some(ticket), Some(result)) = (&ticket, result) {
            store.finish_sync(ticket, result, ended_ns.saturating_sub(began_ns), ended_ns);
        }
        store.set_positions(positions);
        store.keep_cursors(force, ended_ns);
        store.tidy(ended_ns, force);
        let events = std::mem::take(&mut store.events);
        let status = store.status();
        let has_moved = store.durable != self.durable.swap(store.durable, Ordering::AcqRel);
        self.is_stuck.store(store.state != State::Ok, Ordering::Relaxed);
        drop(store);
        self.announce(|outbox| {
            let is_news = has_moved || !events.is_empty() || outbox.status.is_none();
            outbox.events.extend(events);
            outbox.status = Some(status);
            is_news
        });
    }

    /// Reads what was asked for.
    pub(crate) fn read_step(&self, reader: &mut Reader) {
        while let Some(seq) = { lock(&self.inbox).reads.pop_front() } {
            let answer = match reader.find(&self.store, seq) {
                Found::Frame(mut frame) => {
                    let store = lock(&self.store);
                    frame.number(|name| store.cursors.number(name));
                    Answer::Frame(Arc::from(frame))
                }
                Found::Nothing { next } => Answer::Nothing { next },
                // It is of an earlier run, and the numbers behind what that run wrote were left out.
                Found::NotYet => Answer::Nothing { next: self.run_first.max(seq + 1) },
            };
            self.announce(|outbox| {
                outbox.answers.push((seq, answer));
                true
            });
        }
    }

    fn write_loop(&self) {
        let mut give_up: Option<Instant> = None;
        loop {
            let inbox = lock(&self.inbox);
            let is_idle = |inbox: &mut Inbox| inbox.frames.is_empty() && !inbox.is_closing;
            let (inbox, _) =
                self.signal.wait_timeout_while(inbox, PATIENCE, is_idle).unwrap_or_else(PoisonError::into_inner);
            let (is_closing, is_abandoned, is_idle) = (inbox.is_closing, inbox.is_abandoned, inbox.frames.is_empty());
            drop(inbox);
            if is_abandoned {
                break;
            }
            let is_waiting = is_idle && { !lock(&self.store).backlog.is_empty() };
            if !is_idle || is_waiting {
                self.write_step(self.clock.now_ns());
                lock(&self.inbox).has_written = true;
                self.signal.notify_all();
            }
            if is_closing && is_idle {
                let deadline = *give_up.get_or_insert_with(|| Instant::now() + LAST_PATIENCE);
                if !is_waiting || Instant::now() > deadline {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        lock(&self.inbox).writer_is_done = true;
        self.signal.notify_all();
    }

    fn sync_loop(&self) {
        let gap = { Duration::from_nanos(u64::try_from(lock(&self.store).settings.sync_gap_ns).unwrap_or_default()) };
        let mut give_up: Option<Instant> = None;
        let mut last = Instant::now();
        loop {
            let inbox = lock(&self.inbox);
            let is_idle = |inbox: &mut Inbox| !inbox.has_written && !inbox.is_closing;
            let (inbox, _) =
                self.signal.wait_timeout_while(inbox, PATIENCE, is_idle).unwrap_or_else(PoisonError::into_inner);
            let pause = gap.saturating_sub(last.elapsed());
            let is_early = |inbox: &mut Inbox| !inbox.is_closing && last.elapsed() < gap;
            let (mut inbox, _) = match pause.is_zero() {
                true => (inbox, None),
                false => {
                    let waited =
                        self.signal.wait_timeout_while(inbox, pause, is_early).unwrap_or_else(PoisonError::into_inner);
                    (waited.0, Some(waited.1))
                }
            };
            inbox.has_written = false;
            let (is_last, is_abandoned) = (inbox.writer_is_done, inbox.is_abandoned);
            let is_closing = inbox.is_closing;
            drop(inbox);
            if is_abandoned {
                return;
            }
            last = Instant::now();
            self.sync_step(is_last, || self.clock.now_ns());
            if is_last {
                let deadline = *give_up.get_or_insert_with(|| Instant::now() + LAST_PATIENCE);
                if !lock(&self.store).has_work() || Instant::now() > deadline {
                    return;
                }
                self.write_step(self.clock.now_ns()); // A sync failed at the very end: once more.
            } else if is_closing {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn read_loop(&self) {
        let mut reader = Reader::default();
        loop {
            let inbox = lock(&self.inbox);
            let is_idle = |inbox: &mut Inbox| inbox.reads.is_empty() && !inbox.is_closing;
            let (inbox, _) =
                self.signal.wait_timeout_while(inbox, PATIENCE, is_idle).unwrap_or_else(PoisonError::into_inner);
            let is_closing = inbox.is_closing;
            drop(inbox);
            if is_closing {
                return;
            }
            self.read_step(&mut reader);
        }
    }
}

/// Starts the threads.
pub(crate) fn start(shared: &Arc<Shared>) -> std::io::Result<Vec<std::thread::JoinHandle<()>>> {
    let spawn = |name: &str, work: fn(&Shared)| {
        let shared = Arc::clone(shared);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared))
    };
    Ok(vec![
        spawn("log-write", Shared::write_loop)?,
        spawn("log-sync", Shared::sync_loop)?,
        spawn("log-read", Shared::read_loop)?,
    ])
}
