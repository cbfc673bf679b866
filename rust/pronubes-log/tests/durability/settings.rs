//! Settings so small that every edge is met within a few records.

use proptest::prelude::*;

use pronubes_log::{Codec, Overflow, Settings};

/// What differs from one tiny log to the next.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    segment_bytes: u64,
    frame_bytes: usize,
    codec: Codec,
}

impl Shape {
    pub const PLAIN: Self = Self { segment_bytes: 16_384, frame_bytes: 2_048, codec: Codec::None };

    /// One that follows from a number.
    pub fn of(number: u64) -> Self {
        let segment_bytes = [4_096, 8_192, 16_384, 5_000][(number % 4) as usize];
        let frame_bytes = [600, 1_500, 3_000][(number / 4 % 3) as usize];
        let codec = if (number / 12).is_multiple_of(2) { Codec::None } else { Codec::Zstd };
        Self { segment_bytes, frame_bytes, codec }
    }
}

pub fn shapes() -> impl Strategy<Value = Shape> {
    (0..24_u64).prop_map(Shape::of)
}

/// A log of a few segments.
pub fn tiny(shape: Shape) -> Settings {
    Settings {
        segment_bytes: shape.segment_bytes,
        frame_bytes: shape.frame_bytes,
        codec: shape.codec,
        max_bytes: 200_000,
        max_age_ns: None,
        overflow: Overflow::Block,
        sync_gap_ns: 20_000_000,
        reserve_bytes: Some(0),
        memory_bytes: 32_768,
    }
}

/// A log on a real disk whose segments roll often.
pub fn small() -> Settings {
    Settings {
        segment_bytes: 65_536,
        frame_bytes: 8_192,
        max_bytes: 8 << 20,
        sync_gap_ns: 1_000_000,
        memory_bytes: 1 << 20,
        ..tiny(Shape::PLAIN)
    }
}
