//! A file system in memory that can lose power, fill up, fail and be slow on command, the same way for the same seed.
//!
//! It exists because the states that matter, half of a write, a file without its name, a sync that failed, cannot be brought
//! about on a real disk from a test. What a power cut may leave behind is told in `sim/contents.rs` and `sim/tree.rs`. It is no
//! file system for anything but tests: there are no users, links or times, and every call takes one lock.

mod contents;
mod faults;
mod handle;
mod random;
mod tree;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::fs::{Access, DirEntry, File, Fs, Lock, Space};
use contents::Contents;
use faults::Faults;
pub use faults::{Counts, Fault, Op, When};
use handle::SimFile;
pub use random::Random;
use tree::Tree;

/// The size of the disk where no quota is set.
const DISK_BYTES: u64 = 1 << 40;

/// A simulated disk; clones are handles of the same one.
#[derive(Clone)]
pub struct SimFs {
    shared: Arc<Shared>,
}

struct Shared {
    /// Guards the whole disk: each call is one step, so that a crash falls between steps.
    state: Mutex<State>,
    /// Wakes syncs that were held.
    released: Condvar,
}

struct State {
    tree: Tree,
    faults: Faults,
    locks: BTreeSet<PathBuf>,
    quota: Option<u64>,
    is_holding: bool,
    sync_time: Duration,
    /// Calls until the power is cut, and the seed of what that leaves.
    cut: Option<(u64, u64)>,
    after_cut: Option<Tree>,
    lies: Vec<Lie>,
}

/// A sync that this disk says it has done and has not: what a log that forgets it would look like. Tests prove with these that they
/// can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The sync of files whose name begins so.
    FileSync(&'static str),
    /// The sync of folders.
    DirSync,
}

impl Default for SimFs {
    fn default() -> Self {
        Self::new()
    }
}

impl SimFs {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Tree::new(), None)
    }

    fn with(tree: Tree, quota: Option<u64>) -> Self {
        let state = State {
            tree,
            faults: Faults::default(),
            locks: BTreeSet::new(),
            quota,
            is_holding: false,
            sync_time: Duration::ZERO,
            cut: None,
            after_cut: None,
            lies: Vec::new(),
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), released: Condvar::new() }) }
    }

    /// The disk of the next run: it has the quota and the lies of this one.
    fn after(tree: Tree, before: &State) -> Self {
        let next = Self::with(tree, before.quota);
        next.state().lies.clone_from(&before.lies);
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// The disk as the next start finds it when the power is cut now. This one stays as it is: whoever still uses it writes
    /// where nobody looks. Faults, holds and locks do not pass over, the quota does.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let state = self.state();
        Self::after(state.tree.after_power_cut(&mut Random::new(seed)), &state)
    }

    /// Cuts the power before the n-th call from now; 1 is the next. [`SimFs::take_cut`] has what is left then, while this disk
    /// goes on as if nothing had happened.
    pub fn cut_power_at(&self, call: u64, seed: u64) {
        let mut state = self.state();
        state.cut = Some((call.max(1), seed));
        state.after_cut = None;
    }

    /// Whether the ordered power cut has come.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.state().after_cut.is_some()
    }

    /// The disk the ordered power cut has left, if it has come.
    #[must_use]
    pub fn take_cut(&self) -> Option<Self> {
        let mut state = self.state();
        state.cut = None;
        let tree = state.after_cut.take()?;
        Some(Self::with(tree, state.quota))
    }

    /// The disk as the next process finds it when this one is killed now: nothing is lost, and nothing more is safe.
    #[must_use]
    pub fn kill(&self) -> Self {
        let state = self.state();
        Self::after(state.tree.after_kill(), &state)
    }

    /// The operating system writes some of what was not synced yet.
    pub fn write_back(&self, seed: u64) {
        self.state().tree.write_back(&mut Random::new(seed));
    }

    /// Bounds the disk.
    pub fn set_quota(&self, bytes: Option<u64>) {
        self.state().quota = bytes;
    }

    /// Whether no quota is set.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        self.state().quota.is_none()
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().tree.used()
    }

    /// Makes calls fail.
    pub fn fail(&self, when: When, fault: Fault) {
        self.state().faults.add(when, fault);
    }

    /// Syncs of this kind do nothing from now on, here and on the disks that crashes leave.
    pub fn lie(&self, lie: Lie) {
        self.state().lies.push(lie);
    }

    /// Ends all faults, holds and slowness.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.sync_time = Duration::ZERO;
        state.is_holding = false;
        self.shared.released.notify_all();
    }

    /// Lets each file sync take at least this long.
    pub fn slow_syncs(&self, time: Duration) {
        self.state().sync_time = time;
    }

    /// Holds file syncs back until they are released.
    pub fn hold_syncs(&self, is_holding: bool) {
        self.state().is_holding = is_holding;
        self.shared.released.notify_all();
    }

    /// What was asked so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().faults.counts.clone()
    }

    /// A file's bytes, past all faults and counters; nothing when there is no such file.
    #[must_use]
    pub fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let contents = state.tree.find(path).and_then(|node| state.tree.file(node)).ok()?;
        let mut bytes = vec![0; usize::try_from(contents.len()).ok()?];
        contents.read(&mut bytes, 0);
        Some(bytes)
    }

    /// What lies in a folder, past all faults and counters; empty when there is none.
    #[must_use]
    pub fn entries(&self, dir: &Path) -> Vec<DirEntry> {
        self.state().entries(dir).unwrap_or_default()
    }

    /// Lays a file on the disk, durably, in place of what had its name.
    ///
    /// # Errors
    /// When its folder is missing or a folder has its name.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let node = match state.tree.find(path) {
            Ok(node) => node,
            Err(_) => state.tree.create(path)?,
        };
        *state.tree.file_mut(node)? = Contents::synced(bytes);
        state.tree.sync(path.parent().unwrap_or(Path::new("/")))
    }

    /// The medium turns one bit of a file over.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn flip_bit(&self, path: &Path, bit: u64) -> io::Result<()> {
        let mut state = self.state();
        let node = state.tree.find(path)?;
        state.tree.file_mut(node)?.flip_bit(bit);
        Ok(())
    }

    /// The medium loses the end of a file.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let node = state.tree.find(path)?;
        state.tree.file_mut(node)?.truncate(len);
        Ok(())
    }

    fn handle(&self, state: &mut State, path: &Path, node: usize, access: Access) -> Arc<dyn File> {
        state.tree.open_handle(node);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_meant = |lie: &Lie| matches!(lie, Lie::FileSync(start) if name.starts_with(start));
        let lies = state.lies.iter().any(is_meant);
        Arc::new(SimFile::new(self.shared.clone(), node, access, lies))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call; its error if it is to fail.
    fn meet(&mut self, op: Op) -> io::Result<()> {
        self.fault(op).map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// Counts a call; how it fails if it is to.
    fn fault(&mut self, op: Op) -> Option<Fault> {
        if let Some((calls, seed)) = &mut self.cut {
            *calls -= 1;
            if *calls == 0 {
                self.after_cut = Some(self.tree.after_power_cut(&mut Random::new(*seed)));
                self.cut = None;
            }
        }
        self.faults.meet(op)
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let entries = self.tree.list(dir)?.into_iter();
        Ok(entries.map(|(name, len, is_file)| DirEntry { name, len, is_file }).collect())
    }

    fn free(&self) -> u64 {
        self.quota.unwrap_or(DISK_BYTES).saturating_sub(self.tree.used())
    }

    /// How many of some bytes there is room for.
    fn room(&self, node: usize, bytes: u64, offset: u64) -> io::Result<u64> {
        let Some(quota) = self.quota else { return Ok(bytes) };
        let contents = self.tree.file(node)?;
        let others = self.tree.used().saturating_sub(contents.charge());
        let fits = |count: u64| others + contents.charge_after(count, offset) <= quota;
        if fits(bytes) {
            return Ok(bytes);
        }
        // As a real file system: what still fits into the pages there are, or nothing.
        let page = contents::PAGE as u64;
        let to_page_end = bytes.min(page - offset % page);
        if fits(to_page_end) && to_page_end < bytes { Ok(to_page_end) } else { Err(Errno::NOSPC.into()) }
    }
}

impl Fs for SimFs {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.meet(Op::CreateDirAll)?;
        state.tree.make_folders(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut state = self.state();
        state.meet(Op::List)?;
        state.entries(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.meet(Op::CreateNew)?;
        let node = state.tree.create(path)?;
        Ok(self.handle(&mut state, path, node, Access::Write))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.meet(Op::Open)?;
        let node = state.tree.find(path)?;
        state.tree.file(node)?;
        Ok(self.handle(&mut state, path, node, access))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.meet(Op::Rename)?;
        state.tree.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.meet(Op::Remove)?;
        state.tree.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.meet(Op::SyncDir)?;
        if state.lies.contains(&Lie::DirSync) {
            return Ok(());
        }
        state.tree.sync(dir)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let mut state = self.state();
        state.meet(Op::Space)?;
        state.tree.find(dir)?;
        Ok(Space { free: state.free(), total: state.quota.unwrap_or(DISK_BYTES) })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let mut state = self.state();
        state.meet(Op::Lock)?;
        if state.tree.find(path).is_err() {
            state.tree.create(path)?;
        }
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock { shared: self.shared.clone(), path: path.to_owned() })))
    }
}

struct SimLock {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.shared.state().locks.remove(&self.path);
    }
}
