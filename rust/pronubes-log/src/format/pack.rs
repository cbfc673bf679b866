//! Compression of a frame that is complete.

use super::{Codec, FrameHeader, HEADER_BYTES};

/// How hard zstd tries: the least, as the frame must not wait for it.
const LEVEL: i32 = 1;
/// Frames smaller than this are not worth compressing.
const COMPRESS_FROM: usize = 512;

/// Compresses frames, with memory that is used again.
#[derive(Default)]
pub(crate) struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    /// Writes a frame anew with a compressed body; nothing when that fails or saves nothing.
    pub(crate) fn pack(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if frame.len() < COMPRESS_FROM {
            return None;
        }
        let (header, body) = frame.split_first_chunk::<HEADER_BYTES>()?;
        let mut header = FrameHeader::decode(header)?;
        if self.compressor.is_none() {
            self.compressor = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        out.clear();
        out.resize(HEADER_BYTES + body.len(), 0);
        // Room for as much as it is now: what does not fit saves nothing.
        let packed = self.compressor.as_mut()?.compress_to_buffer(body, out.get_mut(HEADER_BYTES..)?).ok()?;
        out.truncate(HEADER_BYTES + packed);
        header.stored = u32::try_from(packed).ok()?;
        header.codec = Codec::Zstd;
        let (head, packed) = out.split_first_chunk_mut::<HEADER_BYTES>()?;
        *head = header.encode(packed);
        Some(())
    }
}
