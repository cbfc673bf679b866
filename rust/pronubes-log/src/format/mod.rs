//! The format on the disk: segments of frames of records, by hand and checked at every length.
//!
//! A frame is complete in itself: it names the routes, sources and consumers of its records, so that damage costs one frame and
//! nothing else. `docs/reference/log-format.md` says what each byte means; [`VERSION`] counts up when that changes.

mod builder;
mod frame;
mod header;
mod pack;
mod varint;

pub use builder::{Append, Builder, Cut, NameTable, Target, TooLarge};
pub use frame::{Frame, RecordView, Records, Targets};
pub use header::{FrameHeader, SegmentHeader};
pub(crate) use pack::Packer;

/// The version of the format.
pub const VERSION: u8 = 1;
/// The length of a frame's header, and of a segment's.
pub const HEADER_BYTES: usize = 64;
/// How long a frame may be with its header: longer ones are damage.
pub const MAX_FRAME_BYTES: usize = 16 << 20;
/// The first bytes of a frame.
pub const FRAME_MAGIC: [u8; 4] = *b"PNf\x01";
/// The first bytes of a segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"PNseg\r\n\x1a";

/// How the body of a frame is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    #[default]
    None,
    /// Zstandard, level 1.
    Zstd,
}

impl Codec {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Zstd => 1,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Zstd),
            _ => None,
        }
    }
}
