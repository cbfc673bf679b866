//! The logs of a node, and what sources wait for in them.
//!
//! The pipeline itself opens no file: whoever builds it hands over an [`Opener`]. Two logs, because they keep different promises: in that of
//! class `durable` nothing is ever dropped to make room, in that of class `spill` the oldest is.

use std::collections::VecDeque;
use std::sync::Arc;

use pronubes_log::{Log, NameTable};

use crate::names::Names;
use crate::node::{LogSpec, NodeSpec};
use crate::settle::{Hold, Settle};

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What class `durable` promises to keep.
    Durable,
    /// What class `spill` cannot keep in memory.
    Spill,
}

/// Opens a log: its description, which it is, the names behind the numbers, the time. The error is a sentence.
pub type Opener = Box<dyn FnMut(&LogSpec, Kind, Arc<dyn NameTable>, i64) -> Result<Log, String> + Send>;

/// The logs of a node.
#[derive(Default)]
pub(crate) struct Logs {
    pub(crate) durable: Option<Log>,
    pub(crate) spill: Option<Log>,
    specs: [Option<LogSpec>; 2],
    /// What sources wait for, by number of record, in order.
    waiting: VecDeque<(u64, Hold)>,
}

impl Logs {
    /// Opens what a description asks for and is not open yet; what an earlier description asked for stays open, since a backlog may lie in it.
    ///
    /// # Errors
    /// A sentence about the log that cannot be opened.
    pub(crate) fn open(
        &mut self,
        node: &NodeSpec,
        opener: Option<&mut Opener>,
        names: &Arc<Names>,
        now_ns: i64,
    ) -> Result<(), String> {
        let Some(opener) = opener else { return Ok(()) };
        let places = [(&mut self.durable, &node.log, Kind::Durable), (&mut self.spill, &node.spill, Kind::Spill)];
        for ((log, spec, kind), known) in places.into_iter().zip(&mut self.specs) {
            if let Some(spec) = spec
                && log.is_none()
            {
                *log = Some(opener(spec, kind, Arc::clone(names) as Arc<dyn NameTable>, now_ns)?);
                *known = Some(spec.clone());
            }
        }
        Ok(())
    }

    /// Whether another description would need the node to be started anew.
    pub(crate) fn differs(&self, node: &NodeSpec) -> bool {
        let is_other = |known: &Option<LogSpec>, new: &Option<LogSpec>| matches!((known, new), (Some(known), Some(new)) if known != new);
        let [durable, spill] = &self.specs;
        is_other(durable, &node.log) || is_other(spill, &node.spill)
    }

    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut Log> {
        self.durable.iter_mut().chain(&mut self.spill)
    }

    /// A source waits until the record is on the disk.
    #[inline]
    pub(crate) fn wait(&mut self, seq: u64, hold: Hold) {
        self.waiting.push_back((seq, hold));
    }

    /// Messages of sources that wait for the disk.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes what the threads of the logs have done; sources hear of what is on the disk now.
    pub(crate) fn poll(&mut self, settle: &mut Settle<u64>, now_ns: i64) {
        self.each().for_each(|log| log.poll(now_ns));
        let Some(durable) = self.durable.as_ref().map(Log::durable) else { return };
        while self.waiting.front().is_some_and(|(seq, _)| *seq < durable) {
            if let Some((_, hold)) = self.waiting.pop_front() {
                settle.release(hold);
            }
        }
    }

    /// Whether sources of class `durable` are to be held up.
    pub(crate) fn is_behind(&self) -> bool {
        self.durable.as_ref().is_some_and(Log::is_behind)
    }

    pub(crate) fn next_deadline(&self) -> Option<i64> {
        self.durable.iter().chain(&self.spill).filter_map(Log::next_deadline).min()
    }

    pub(crate) fn rename(&mut self, names: &Arc<Names>) {
        self.each().for_each(|log| log.set_names(Arc::clone(names) as Arc<dyn NameTable>));
    }

    /// Forgets who waits: the sources were not told and send again.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }
}
