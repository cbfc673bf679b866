//! Saving and restoring: states as bytes, a portion at a time, so that nobody waits long for a million keys.
//!
//! A portion is about one step: the length (4 bytes, little endian, as all numbers) and text of its identity, then keys. What a key
//! looks like is the step's own affair; a step restores only what the same step with the same arguments wrote. Keys that change while
//! portions are made stand as they are when their turn comes: each key is whole, and no two of them depend on each other.

use super::Fingerprint;
use super::store::Store;

/// Where saving goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCursor {
    /// Which stateful step of the plan.
    pub step: usize,
    /// Below which of its keys; 0 for all.
    pub key: usize,
}

/// What became of saved states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Keys that steps have again.
    pub keys: usize,
    /// Keys that no step wants, or that cannot be read.
    pub refused: usize,
}

/// What says that keys are hashed as they were when states were saved.
pub(crate) fn hash_check() -> [u8; 16] {
    Fingerprint::of(["pronubes".as_bytes()].into_iter()).to_bytes()
}

/// Writes a portion; where to go on, or nothing when all is written.
pub(crate) fn save_portion<'a>(
    stores: impl Fn(usize) -> Option<(&'a str, &'a dyn Store)>,
    at: StateCursor,
    limit: usize,
    out: &mut Vec<u8>,
) -> Option<StateCursor> {
    let (identity, store) = stores(at.step)?;
    let length = u32::try_from(identity.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(identity.as_bytes());
    out.extend_from_slice(&hash_check());
    match store.save(at.key, out.len() + limit, out) {
        Some(key) => Some(StateCursor { key, ..at }),
        None => stores(at.step + 1).is_some().then_some(StateCursor { step: at.step + 1, key: 0 }),
    }
}

/// Takes a portion apart: the identity of its step, and its keys; nothing when keys were hashed in another way.
pub(crate) fn read_portion(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (identity, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (check, keys) = rest.split_first_chunk::<16>()?;
    (*check == hash_check()).then_some((std::str::from_utf8(identity).ok()?, keys))
}
