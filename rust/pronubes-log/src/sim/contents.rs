//! The contents of one simulated file: what programs see, what the disk holds, and the sectors in which they differ.
//!
//! Rules of this file:
//! 1. A sync covers what was written before it began. What is written while it runs stays unsynced.
//! 2. After a failed sync its sectors count as written for the operating system, as under Linux: no later sync saves them.
//! 3. A power cut touches only bytes written since the last good sync (storage does not tear the rest of a sector; SQLite calls
//!    it "powersafe overwrite"): each sector of them is kept, zeroed, garbled or lost, and the length is one of those between.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::random::Random;

/// Bytes of a page, in which contents are kept.
pub(super) const PAGE: usize = 4096;
/// Bytes of a sector, in which a power cut decides.
const SECTOR: u64 = 512;

type Pages = BTreeMap<u64, Arc<[u8; PAGE]>>;
/// By sector: which of its bytes.
type Sectors = BTreeMap<u64, Range<usize>>;

/// A sync under way.
#[derive(Clone)]
struct Syncing {
    ticket: u64,
    len: u64,
    pages: Pages,
    sectors: Sectors,
}

/// One file.
#[derive(Clone, Default)]
pub(super) struct Contents {
    len: u64,
    pages: Pages,
    safe_len: u64,
    safe: Pages,
    dirty: Sectors,
    syncing: Vec<Syncing>,
    doomed: Sectors,
    allocated: u64,
    next_ticket: u64,
}

impl Contents {
    /// A file that lies on the disk already.
    pub(super) fn synced(bytes: &[u8]) -> Self {
        let mut contents = Self::default();
        contents.write(bytes, 0);
        let ticket = contents.begin_sync();
        contents.finish_sync(ticket, true);
        contents
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// What it takes of the disk.
    pub(super) fn charge(&self) -> u64 {
        self.allocated.max(self.pages.len() as u64 * PAGE as u64)
    }

    /// What it would take after a write.
    pub(super) fn charge_after(&self, bytes: u64, offset: u64) -> u64 {
        let size = PAGE as u64;
        let pages = offset / size..(offset + bytes).div_ceil(size);
        let missing = pages.filter(|page| !self.pages.contains_key(page)).count() as u64;
        self.allocated.max((self.pages.len() as u64 + missing) * size)
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = (at % PAGE as u64) as usize;
            let (part, tail) = rest.split_at(rest.len().min(PAGE - start));
            let page = self.pages.entry(at / PAGE as u64).or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(page)[start..start + part.len()].copy_from_slice(part);
            at += part.len() as u64;
            rest = tail;
        }
        touch(&mut self.dirty, offset..at);
        if !bytes.is_empty() {
            self.len = self.len.max(at);
        }
    }

    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> usize {
        let count = bytes.len().min(usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let start = (at % PAGE as u64) as usize;
            let part = (count - done).min(PAGE - start);
            match self.pages.get(&(at / PAGE as u64)) {
                Some(page) => bytes[done..done + part].copy_from_slice(&page[start..start + part]),
                None => bytes[done..done + part].fill(0),
            }
            done += part;
        }
        count
    }

    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            for sector in len / SECTOR..self.len.div_ceil(SECTOR) {
                if self.pages.contains_key(&(sector * SECTOR / PAGE as u64)) {
                    touch(&mut self.dirty, len.max(sector * SECTOR)..(sector + 1) * SECTOR);
                }
            }
            cut(&mut self.pages, len);
            self.allocated = self.allocated.min(len);
        }
        self.len = len;
    }

    /// Reserves room; the length grows with it, as `fallocate` does without further flags.
    pub(super) fn allocate(&mut self, len: u64) {
        self.allocated = self.allocated.max(len);
        self.len = self.len.max(len);
    }

    pub(super) fn begin_sync(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let mut sectors = std::mem::take(&mut self.dirty);
        // A sync waits for what an earlier one is still writing.
        for sync in &self.syncing {
            merge(&mut sectors, &sync.sectors);
        }
        let pages = sectors
            .keys()
            .map(|sector| sector * SECTOR / PAGE as u64)
            .filter_map(|page| Some((page, self.pages.get(&page)?.clone())))
            .collect();
        self.syncing.push(Syncing { ticket, len: self.len, pages, sectors });
        ticket
    }

    pub(super) fn finish_sync(&mut self, ticket: u64, is_good: bool) {
        let Some(index) = self.syncing.iter().position(|sync| sync.ticket == ticket) else { return };
        let sync = self.syncing.remove(index);
        if !is_good {
            merge(&mut self.doomed, &sync.sectors);
            return;
        }
        self.syncing.retain(|other| other.ticket > ticket);
        for (sector, range) in &sync.sectors {
            copy_sector(&mut self.safe, &sync.pages, *sector, range);
        }
        self.safe_len = sync.len;
        cut(&mut self.safe, sync.len);
    }

    /// The file for the next process: a sync that ran when this one was killed has not happened.
    pub(super) fn after_kill(&self) -> Self {
        let mut next = self.clone();
        for sync in std::mem::take(&mut next.syncing) {
            merge(&mut next.dirty, &sync.sectors);
        }
        next
    }

    /// The operating system writes some unsynced sectors of its own accord.
    pub(super) fn write_back(&mut self, random: &mut Random) {
        let chosen: Vec<_> = self.dirty.iter().filter(|_| random.one_in(2)).map(|(s, r)| (*s, r.clone())).collect();
        for (sector, range) in chosen {
            copy_sector(&mut self.safe, &self.pages, sector, &range);
            self.safe_len = self.safe_len.max((sector * SECTOR + range.end as u64).min(self.len));
            self.dirty.remove(&sector);
        }
    }

    /// What the next start finds after the power was cut.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut unsynced = self.doomed.clone();
        for sync in &self.syncing {
            merge(&mut unsynced, &sync.sectors);
        }
        merge(&mut unsynced, &self.dirty);
        let mut pages = self.safe.clone();
        let mode = random.below(6);
        let kept_up_to = random.below(unsynced.len() as u64 + 1);
        for (index, (sector, range)) in unsynced.iter().enumerate() {
            let fate = match mode {
                0 => 0,
                1 => 3,
                2 => u64::from(index as u64 >= kept_up_to) * 3,
                _ => random.below(4),
            };
            match fate {
                0 => copy_sector(&mut pages, &self.pages, *sector, range),
                1 => change_sector(&mut pages, *sector, range, |bytes| bytes.fill(0)),
                2 => change_sector(&mut pages, *sector, range, |bytes| random.fill(bytes)),
                _ => {}
            }
        }
        let (shorter, longer) = (self.len.min(self.safe_len), self.len.max(self.safe_len));
        let len = match random.below(4) {
            0 => shorter,
            1 => shorter + random.below(longer - shorter + 1),
            _ => longer,
        };
        cut(&mut pages, len);
        Self { len, safe_len: len, safe: pages.clone(), pages, allocated: self.allocated.min(len), ..Self::default() }
    }

    /// The medium loses a bit.
    pub(super) fn flip_bit(&mut self, bit: u64) {
        let at = bit / 8;
        for pages in [&mut self.pages, &mut self.safe] {
            if let Some(page) = pages.get_mut(&(at / PAGE as u64)) {
                Arc::make_mut(page)[(at % PAGE as u64) as usize] ^= 1 << (bit % 8);
            }
        }
    }

    /// The medium loses the end of the file.
    pub(super) fn truncate(&mut self, len: u64) {
        self.len = self.len.min(len);
        self.safe_len = self.safe_len.min(len);
        cut(&mut self.pages, len);
        cut(&mut self.safe, len);
    }
}

/// Notes bytes as written, sector by sector.
fn touch(sectors: &mut Sectors, bytes: Range<u64>) {
    let mut at = bytes.start;
    while at < bytes.end {
        let sector = at / SECTOR;
        let end = bytes.end.min((sector + 1) * SECTOR);
        let range = (at % SECTOR) as usize..(end - sector * SECTOR) as usize;
        note(sectors, sector, range);
        at = end;
    }
}

fn note(sectors: &mut Sectors, sector: u64, range: Range<usize>) {
    let known = sectors.entry(sector).or_insert_with(|| range.clone());
    *known = known.start.min(range.start)..known.end.max(range.end);
}

fn merge(sectors: &mut Sectors, others: &Sectors) {
    for (sector, range) in others {
        note(sectors, *sector, range.clone());
    }
}

fn copy_sector(to: &mut Pages, from: &Pages, sector: u64, range: &Range<usize>) {
    let start = (sector * SECTOR % PAGE as u64) as usize;
    let source = from.get(&(sector * SECTOR / PAGE as u64)).cloned();
    change_sector(to, sector, range, |bytes| match source {
        Some(page) => bytes.copy_from_slice(&page[start + range.start..start + range.end]),
        None => bytes.fill(0),
    });
}

fn change_sector(pages: &mut Pages, sector: u64, range: &Range<usize>, change: impl FnOnce(&mut [u8])) {
    let start = (sector * SECTOR % PAGE as u64) as usize;
    let page = pages.entry(sector * SECTOR / PAGE as u64).or_insert_with(|| Arc::new([0; PAGE]));
    change(&mut Arc::make_mut(page)[start + range.start..start + range.end]);
}

/// Drops what lies behind a length.
fn cut(pages: &mut Pages, len: u64) {
    let size = PAGE as u64;
    let _ = pages.split_off(&len.div_ceil(size));
    if !len.is_multiple_of(size)
        && let Some(page) = pages.get_mut(&(len / size))
        && page[(len % size) as usize..].iter().any(|byte| *byte != 0)
    {
        Arc::make_mut(page)[(len % size) as usize..].fill(0);
    }
}
