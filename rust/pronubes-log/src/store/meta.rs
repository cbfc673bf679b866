//! `meta`: the number of a log, so that bytes of another one are never taken for its own.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

use crate::format::VERSION;
use crate::fs::{Access, Fs};
use crate::scan::{patient, read_full, write_full};

pub(super) const META: &str = "meta";
const FRESH: &str = "meta.tmp";
const MAGIC: [u8; 8] = *b"PNlog\r\n\x1a";
const LENGTH: usize = 32;

/// What stands in `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meta {
    /// The number of the log.
    Is(u64),
    /// There is none.
    Missing,
    /// It cannot be read, or is of another version.
    Unknown,
}

/// Reads `meta`.
pub(super) fn read(fs: &dyn Fs, dir: &Path) -> Meta {
    let read = patient(|| {
        let file = fs.open(&dir.join(META), Access::Read)?;
        let mut bytes = [0; LENGTH];
        let length = read_full(&*file, &mut bytes, 0, LENGTH as u64)?;
        Ok((bytes, length))
    });
    match read {
        Ok((bytes, LENGTH)) => decode(&bytes).map_or(Meta::Unknown, Meta::Is),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Meta::Missing,
        _ => Meta::Unknown,
    }
}

/// Writes `meta`, whole or not at all.
pub(super) fn write(fs: &dyn Fs, dir: &Path, id: u64) -> io::Result<()> {
    let fresh = dir.join(FRESH);
    match fs.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = fs.create_new(&fresh)?;
    write_full(&*file, &encode(id), 0)?;
    file.sync_data()?;
    fs.rename(&fresh, &dir.join(META))?;
    fs.sync_dir(dir)
}

/// A number for a new log: by chance, as it must differ from that of every other log.
pub(super) fn new_id() -> u64 {
    RandomState::new().hash_one(std::process::id()) | 1
}

fn encode(id: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8] = VERSION;
    bytes[16..24].copy_from_slice(&id.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; LENGTH]) -> Option<u64> {
    let (checked, crc) = bytes.split_last_chunk::<4>()?;
    let id = checked.get(16..)?.first_chunk::<8>()?;
    let is_ours = checked.starts_with(&MAGIC) && checked.get(8) == Some(&VERSION);
    (is_ours && u32::from_le_bytes(*crc) == crc32c::crc32c(checked)).then(|| u64::from_le_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_comes_back_and_every_flipped_bit_is_seen() {
        let bytes = encode(77);
        assert_eq!(decode(&bytes), Some(77));
        for bit in 0..LENGTH * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
    }
}
