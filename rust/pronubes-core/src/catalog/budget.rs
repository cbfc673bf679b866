//! How many bytes the catalogue may take, and how many it has taken.

/// A number of bytes that is given out and never more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    limit: usize,
    used: usize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    /// Takes bytes, all or none.
    pub(super) fn take(&mut self, bytes: usize) -> Option<()> {
        let used = self.used.checked_add(bytes).filter(|used| *used <= self.limit)?;
        self.used = used;
        Some(())
    }

    /// Takes bytes that somebody else has counted, in place of those counted before.
    pub(super) fn replace(&mut self, before: usize, now: usize) {
        self.used = (self.used + now).saturating_sub(before);
    }

    /// What may still be taken.
    pub(super) fn rest(&self) -> usize {
        self.limit.saturating_sub(self.used)
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }
}
