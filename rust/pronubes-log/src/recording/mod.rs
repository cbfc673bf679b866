//! Recordings: messages in one file, to be played again.
//!
//! A recording is a head, frames as the log has them, and an end mark. The frames bring what a recording needs: each is checked and complete
//! in itself, so damage costs one of them, and a file that was cut is whole up to there. Without an end mark a recording was cut, or is being
//! written. `docs/reference/recording-format.md` says what each byte means; [`VERSION`] counts up when that changes.

mod reader;
mod writer;

pub use reader::{Damaged, Ending, OpenError, Reader, messages};
pub use writer::{Settings, Taken, Writer};

/// The version of the format.
pub const VERSION: u8 = 1;
/// The first bytes of a recording.
pub const MAGIC: [u8; 8] = *b"PNrec\r\n\x1a";

const END_MAGIC: [u8; 8] = *b"PNend\r\n\x1a";
const BLOCK: usize = 64;

/// A message of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// The quality of service it came with.
    pub qos: u8,
    /// Whether a broker had kept it, or is to.
    pub retain: bool,
    /// When it came in, nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// When the source says it happened.
    pub source_ns: Option<i64>,
    /// The source it came from; empty where nobody knows.
    pub source: &'a str,
    /// The route that it left; empty for what came in.
    pub route: &'a str,
}

/// What stands at the front, and with another magic at the end: 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// The number of the recording, by chance at its making.
    number: u64,
    /// The head: nothing. The end: the number behind the last message.
    next: u64,
    /// The head: nothing. The end: messages that came and were not recorded.
    lost: u64,
    /// When it was begun or ended.
    time_ns: i64,
}

impl Mark {
    fn encode(&self, magic: [u8; 8]) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        bytes[0..8].copy_from_slice(&magic);
        bytes[8] = VERSION;
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.next.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.lost.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.time_ns.to_le_bytes());
        let crc = check_sum(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; BLOCK], magic: [u8; 8]) -> Option<Self> {
        let is_whole = bytes[0..8] == magic && bytes[8] == VERSION && bytes[12..16] == check_sum(bytes).to_le_bytes();
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            word
        };
        is_whole.then(|| Self {
            number: u64::from_le_bytes(word(16)),
            next: u64::from_le_bytes(word(24)),
            lost: u64::from_le_bytes(word(32)),
            time_ns: i64::from_le_bytes(word(40)),
        })
    }
}

/// Over everything but its own place.
fn check_sum(bytes: &[u8; BLOCK]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..])
}
