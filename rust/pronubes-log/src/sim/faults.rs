//! What fails when, and what was asked of the simulated file system.

use std::collections::BTreeMap;
use std::io;

use rustix::io::Errno;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "Each is a method of `Fs` or `File`, documented there.")]
pub enum Op {
    CreateDirAll,
    List,
    CreateNew,
    Open,
    Rename,
    Remove,
    SyncDir,
    Space,
    Lock,
    Write,
    Read,
    Sync,
    SetLen,
    Allocate,
    Size,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device fails. A write leaves its first half behind; a sync loses what it should have saved.
    Eio,
    /// No room. A write leaves its first half behind; a sync loses what it should have saved.
    Enospc,
    /// A signal came first; nothing was done.
    Eintr,
    /// A write or read does only half of it; other calls are not touched.
    Short,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Eio, Self::Enospc, Self::Eintr, Self::Short];

    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Eio => Errno::IO,
            Self::Enospc => Errno::NOSPC,
            Self::Eintr | Self::Short => Errno::INTR,
        }
        .into()
    }
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The n-th call from now, whatever it is; 1 is the next.
    Call(u64),
    /// The next so many calls of a kind.
    Next(Op, u64),
    /// All calls of a kind until [`SimFs::heal`](super::SimFs::heal).
    Every(Op),
}

/// What was asked of a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of any kind.
    pub calls: u64,
    /// Calls by kind.
    pub by_op: BTreeMap<Op, u64>,
    /// Calls that were made to fail.
    pub failed: u64,
    /// Bytes written.
    pub written: u64,
    /// Bytes read.
    pub read: u64,
}

impl Counts {
    /// Calls of a kind.
    #[must_use]
    pub fn of(&self, op: Op) -> u64 {
        self.by_op.get(&op).copied().unwrap_or(0)
    }
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Faults {
    rules: Vec<(When, Fault)>,
    pub(super) counts: Counts,
}

impl Faults {
    pub(super) fn add(&mut self, when: When, fault: Fault) {
        if !matches!(when, When::Call(0) | When::Next(_, 0)) {
            self.rules.push((when, fault));
        }
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Counts a call and says whether it fails.
    pub(super) fn meet(&mut self, op: Op) -> Option<Fault> {
        self.counts.calls += 1;
        *self.counts.by_op.entry(op).or_default() += 1;
        let mut met = None;
        self.rules.retain_mut(|(when, fault)| {
            let (is_met, stays) = match when {
                When::Call(left) => {
                    *left -= 1;
                    (*left == 0, *left > 0)
                }
                When::Next(kind, left) if *kind == op => {
                    *left -= 1;
                    (true, *left > 0)
                }
                When::Every(kind) if *kind == op => (true, true),
                _ => (false, true),
            };
            if is_met {
                met = met.or(Some(*fault));
            }
            stays
        });
        let met = met.filter(|fault| *fault != Fault::Short || matches!(op, Op::Write | Op::Read));
        self.counts.failed += u64::from(met.is_some());
        met
    }
}
