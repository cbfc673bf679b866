//! Memory for origins and payloads: blocks of some sizes, used again when they are given back.

use super::budget::Budget;

const CHUNK_BYTES: usize = 256 << 10;
/// Blocks start at multiples of this, so that 32 bits reach 64 GiB.
const UNIT: usize = 16;
const UNIT_BITS: u32 = (CHUNK_BYTES / UNIT).trailing_zeros();
/// The largest block: as large as a chunk.
pub(super) const MAX_BLOCK: usize = CHUNK_BYTES;

/// A size of blocks, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(pub(super) u8);

impl Class {
    /// The smallest class with room for `bytes`; `None` beyond [`MAX_BLOCK`].
    ///
    /// Up to 256 bytes in steps of 16, then eight steps per doubling: at most an eighth is wasted.
    pub(super) fn for_bytes(bytes: usize) -> Option<Self> {
        if bytes > MAX_BLOCK {
            return None;
        }
        if bytes <= 256 {
            return u8::try_from(bytes.max(1).div_ceil(16) - 1).ok().map(Self);
        }
        let doubling = (bytes - 1).ilog2();
        let step = 1_usize << (doubling - 3);
        let place = (bytes - (1 << doubling)).div_ceil(step) - 1;
        u8::try_from(16 + (doubling as usize - 8) * 8 + place).ok().map(Self)
    }

    /// How many bytes a block of this class has.
    pub(super) fn bytes(self) -> usize {
        let number = usize::from(self.0);
        if number < 16 {
            return (number + 1) * 16;
        }
        let (doubling, place) = ((number - 16) / 8 + 8, (number - 16) % 8);
        (1 << doubling) + (place + 1) * (1 << (doubling - 3))
    }
}

/// A block of a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) at: u32,
    pub(super) class: Class,
}

/// Blocks of memory.
#[derive(Debug, Default)]
pub(super) struct Slab {
    chunks: Vec<Box<[u8]>>,
    /// What the last chunk has given out.
    used: usize,
    /// Blocks that were given back, by class.
    free: Vec<Vec<u32>>,
}

impl Slab {
    /// A block for `bytes`, if there is room for it.
    pub(super) fn take(&mut self, bytes: usize, budget: &mut Budget) -> Option<Block> {
        let class = Class::for_bytes(bytes)?;
        if let Some(at) = self.free.get_mut(usize::from(class.0)).and_then(Vec::pop) {
            return Some(Block { at, class });
        }
        if self.chunks.is_empty() || CHUNK_BYTES - self.used < class.bytes() {
            budget.take(CHUNK_BYTES)?;
            self.give_rest_back();
            self.chunks.push(vec![0; CHUNK_BYTES].into());
            self.used = 0;
        }
        let at = u32::try_from(((self.chunks.len() - 1) << UNIT_BITS) | (self.used / UNIT)).ok()?;
        self.used += class.bytes();
        Some(Block { at, class })
    }

    /// What is left of the last chunk is cut into blocks that others can take.
    fn give_rest_back(&mut self) {
        let Some(chunk) = self.chunks.len().checked_sub(1) else { return };
        while CHUNK_BYTES - self.used >= UNIT {
            let rest = CHUNK_BYTES - self.used;
            let fits = Class::for_bytes(rest).filter(|class| class.bytes() == rest);
            let class = fits.unwrap_or(Class(u8::try_from((rest / UNIT).min(16) - 1).unwrap_or(0)));
            let Ok(at) = u32::try_from((chunk << UNIT_BITS) | (self.used / UNIT)) else { return };
            self.used += class.bytes();
            self.give(Block { at, class });
        }
    }

    /// Takes a block back.
    pub(super) fn give(&mut self, block: Block) {
        let class = usize::from(block.class.0);
        if self.free.len() <= class {
            self.free.resize_with(class + 1, Vec::new);
        }
        self.free[class].push(block.at);
    }

    pub(super) fn get(&self, block: Block) -> &[u8] {
        let start = (block.at as usize % (1 << UNIT_BITS)) * UNIT;
        let chunk = self.chunks.get((block.at >> UNIT_BITS) as usize);
        chunk.and_then(|chunk| chunk.get(start..start + block.class.bytes())).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self, block: Block) -> &mut [u8] {
        let start = (block.at as usize % (1 << UNIT_BITS)) * UNIT;
        let chunk = self.chunks.get_mut((block.at >> UNIT_BITS) as usize);
        chunk.and_then(|chunk| chunk.get_mut(start..start + block.class.bytes())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_room_and_wastes_little() {
        let mut last = 0;
        for bytes in 1..=MAX_BLOCK {
            let class = Class::for_bytes(bytes).unwrap();
            assert!(class.bytes() >= bytes && class.bytes() <= (bytes + bytes / 8).max(bytes + 15), "{bytes}");
            assert_eq!(Class::for_bytes(class.bytes()), Some(class), "{bytes}");
            assert!(class.bytes().is_multiple_of(UNIT) && class.bytes() >= last);
            last = class.bytes();
        }
        assert_eq!(Class::for_bytes(MAX_BLOCK + 1), None);
    }

    #[test]
    fn blocks_do_not_overlap_and_are_used_again() {
        let mut slab = Slab::default();
        let mut budget = Budget::new(2 * CHUNK_BYTES);
        let mut blocks = Vec::new();
        let sizes = [1, 40, 100, 300, 5_000, 70_000];
        while let Some(block) = slab.take(sizes[blocks.len() % sizes.len()], &mut budget) {
            slab.get_mut(block).fill(blocks.len() as u8);
            blocks.push(block);
        }
        for (number, block) in blocks.iter().enumerate() {
            assert!(slab.get(*block).iter().all(|byte| *byte == number as u8), "{number}");
        }
        let again = blocks[3];
        slab.give(again);
        assert_eq!(slab.take(300, &mut budget), Some(again));
    }
}
