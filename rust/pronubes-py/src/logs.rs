//! The logs of a node on the real file system, and what happened to them in words.

use std::sync::Arc;

use pronubes_log::fs::RealFs;
use pronubes_log::{Codec, Log, LogEvent, Overflow, Runner, Settings};
use pronubes_pipeline::logs::{Kind, Opener};
use pronubes_pipeline::node::{Compression, LogSpec};

fn settings(spec: &LogSpec, kind: Kind) -> Settings {
    let mut settings = Settings {
        segment_bytes: spec.segment_bytes,
        max_bytes: spec.size,
        max_age_ns: i64::try_from(spec.age_s).ok().and_then(|age_s| age_s.checked_mul(1_000_000_000)),
        overflow: match kind {
            Kind::Durable => Overflow::Block,
            Kind::Spill => Overflow::DropOldest,
        },
        sync_gap_ns: i64::from(spec.sync_gap_ms) * 1_000_000,
        codec: match spec.compression {
            Compression::None => Codec::None,
            Compression::Zstd => Codec::Zstd,
        },
        memory_bytes: spec.memory_bytes,
        ..Settings::default()
    };
    if spec.reserve_bytes.is_some() {
        settings.reserve_bytes = spec.reserve_bytes;
    }
    settings
}

/// Opens logs on the real file system, with their threads.
pub fn opener() -> Opener {
    Box::new(|spec, kind, names, now_ns| {
        let opened = Log::open(Arc::new(RealFs), &spec.dir, settings(spec, kind), Runner::Threads, names, now_ns);
        opened.map_err(|error| format!("The log in `{}` cannot be opened: {error}", spec.dir.display()))
    })
}

/// An event: which log, a stable code, a sentence.
pub fn told(kind: Kind, event: &LogEvent) -> (&'static str, String, String) {
    let log = match kind {
        Kind::Durable => "log",
        Kind::Spill => "spill",
    };
    (log, event.code().to_owned(), event.to_string())
}
