//! An open file of the simulated disk.

use std::io;
use std::sync::{Arc, PoisonError};

use rustix::io::Errno;

use super::{Fault, Op, Shared};
use crate::fs::{Access, File};

pub(super) struct SimFile {
    shared: Arc<Shared>,
    node: usize,
    access: Access,
    /// Its syncs do nothing.
    lies: bool,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.shared.state().tree.close_handle(self.node);
    }
}

impl SimFile {
    pub(super) fn new(shared: Arc<Shared>, node: usize, access: Access, lies: bool) -> Self {
        Self { shared, node, access, lies }
    }

    fn may_write(&self) -> io::Result<()> {
        if self.access == Access::Write { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

impl File for SimFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.may_write()?;
        let mut state = self.shared.state();
        let fault = state.fault(Op::Write);
        let wanted = match fault {
            None => bytes.len(),
            Some(Fault::Eintr) => 0,
            Some(Fault::Short) => bytes.len().div_ceil(2),
            Some(Fault::Eio | Fault::Enospc) => bytes.len() / 2,
        };
        let room = state.room(self.node, wanted as u64, offset)?;
        let part = &bytes[..usize::try_from(room).unwrap_or(wanted).min(wanted)];
        state.tree.file_mut(self.node)?.write(part, offset);
        state.faults.counts.written += part.len() as u64;
        match fault {
            Some(fault) if fault != Fault::Short => Err(fault.error()),
            _ => Ok(part.len()),
        }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.shared.state();
        let wanted = match state.fault(Op::Read) {
            None => bytes.len(),
            Some(Fault::Short) => bytes.len().div_ceil(2),
            Some(fault) => return Err(fault.error()),
        };
        let count = state.tree.file(self.node)?.read(&mut bytes[..wanted], offset);
        state.faults.counts.read += count as u64;
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.shared.state();
        let fault = state.fault(Op::Sync);
        if fault == Some(Fault::Eintr) {
            return Err(Fault::Eintr.error());
        }
        if self.lies {
            return Ok(());
        }
        let ticket = state.tree.file_mut(self.node)?.begin_sync();
        let time = state.sync_time;
        if !time.is_zero() {
            drop(state);
            std::thread::sleep(time);
            state = self.shared.state();
        }
        while state.is_holding {
            state = self.shared.released.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.tree.file_mut(self.node)?.finish_sync(ticket, fault.is_none());
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.may_write()?;
        let mut state = self.shared.state();
        state.meet(Op::SetLen)?;
        state.tree.file_mut(self.node)?.set_len(len);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.may_write()?;
        let mut state = self.shared.state();
        state.meet(Op::Allocate)?;
        let charge = state.tree.file(self.node)?.charge();
        if len > charge && len - charge > state.free() {
            return Err(Errno::NOSPC.into());
        }
        state.tree.file_mut(self.node)?.allocate(len);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let mut state = self.shared.state();
        state.meet(Op::Size)?;
        Ok(state.tree.file(self.node)?.len())
    }
}
