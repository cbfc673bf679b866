//! Any bytes as a recording: behind a head, as the body of a frame whose check sum is right, or as lines of JSON.

use std::path::Path;

use pronubes_log::Codec;
use pronubes_log::format::{FrameHeader, HEADER_BYTES};
use pronubes_log::fs::{Access, Fs};
use pronubes_log::recording::{Reader, Settings, Writer, messages};
use pronubes_log::sim::SimFs;
use pronubes_pipeline::recording::{LineWriter, read_lines};

const NUMBER: u64 = 7;

/// Panics when something that must hold does not.
pub fn check(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 4 {
        0 => file(data),
        1 => file(&frame(data, Codec::None, *choice)),
        2 => file(&frame(data, Codec::Zstd, *choice)),
        _ => lines(data),
    }
}

/// What stands behind the head is read to its end, and is no whole recording.
fn file(data: &[u8]) {
    let (fs, path) = (SimFs::new(), Path::new("/a"));
    let settings = Settings { codec: Codec::None, number: NUMBER, max_bytes: u64::MAX, max_messages: u64::MAX };
    drop(Writer::create(&fs, path, settings, 0).expect("the disk has room"));
    let opened = fs.open(path, Access::Write).expect("it has just been made");
    let mut at = 0;
    while at < data.len() {
        at += opened.write_at(&data[at..], 64 + at as u64).expect("the disk has room");
    }
    let mut reader = Reader::open(&fs, path).expect("its head is right");
    let mut count = 0;
    while let Some(frame) = reader.next_frame().expect("the disk can be read") {
        count += messages(&frame).count() as u64;
    }
    let ending = reader.ending();
    assert!(!ending.is_whole() && ending.whole_to <= 64 + data.len() as u64);
    assert!(count <= ending.messages && ending.damaged.len() as u64 <= ending.damaged_places);
}

fn frame(body: &[u8], codec: Codec, choice: u8) -> Vec<u8> {
    let (stored, count) = (body.len() as u32, u32::from(choice / 4) + 1);
    let raw = if codec == Codec::None { stored } else { u32::from(choice) * 16 };
    let header = FrameHeader { stored, crc: 0, codec, log: NUMBER, first: 1, count, raw, time_ns: 0, durable: 0 };
    let head: [u8; HEADER_BYTES] = header.encode(body);
    [&head, body].concat()
}

/// A message that was read from a line comes back from the line that is written of it.
fn lines(data: &[u8]) {
    let mut writer = LineWriter::default();
    read_lines(data, |_, message| {
        let Ok(message) = message else { return };
        let mut line = Vec::new();
        writer.write(&message, &mut line);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let mut again = 0;
        read_lines(&line, |_, other| {
            assert_eq!(other, Ok(message));
            again += 1;
        });
        assert_eq!(again, 1);
    });
}
