//! A8: logs written by each released format, kept as text, must stay readable.
//!
//! A vector is a folder as text: `== NAME` begins a file, then come its bytes in hexadecimal; `zeros N` stands for so many zero
//! bytes. When the format gets a new version, `cargo test -p pronubes-log -- --ignored write_golden` writes the vector of that
//! version; the old ones stay.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::settings::{self, Shape};
use crate::support::{DIR, Rig, SECOND, Sent};
use pronubes_log::sim::SimFs;
use pronubes_log::{Codec, Position, format};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const WIDTH: usize = 64;

fn to_text(fs: &SimFs) -> String {
    let mut text = String::new();
    for entry in fs.entries(Path::new(DIR)).iter().filter(|entry| entry.is_file && entry.name != "LOCK") {
        writeln!(text, "== {}", entry.name).expect("text grows");
        let bytes = fs.peek(&Path::new(DIR).join(&entry.name)).expect("it is there");
        let mut zeros = 0;
        for line in bytes.chunks(WIDTH) {
            if line.iter().all(|byte| *byte == 0) {
                zeros += line.len();
                continue;
            }
            write_zeros(&mut text, &mut zeros);
            line.iter().for_each(|byte| write!(text, "{byte:02x}").expect("text grows"));
            text.push('\n');
        }
        write_zeros(&mut text, &mut zeros);
    }
    text
}

fn write_zeros(text: &mut String, zeros: &mut usize) {
    if *zeros > 0 {
        writeln!(text, "zeros {zeros}").expect("text grows");
        *zeros = 0;
    }
}

/// Lays a vector on a simulated disk.
fn from_text(text: &str) -> SimFs {
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            files.push((name, Vec::new()));
            continue;
        }
        let (_, bytes) = files.last_mut().expect("a file first");
        match line.strip_prefix("zeros ") {
            Some(count) => bytes.resize(bytes.len() + count.parse::<usize>().expect("a number"), 0),
            None => {
                let digits = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("text"));
                bytes.extend(digits.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")));
            }
        }
    }
    let fs = SimFs::new();
    pronubes_log::fs::Fs::create_dir_all(&fs, Path::new(DIR)).expect("a folder");
    for (name, bytes) in files {
        fs.put(&Path::new(DIR).join(name), &bytes).expect("put");
    }
    fs
}

/// What stands in a golden log: two sinks, the second has not received record 3 and all from record 9 on.
fn written(codec: Codec) -> Rig {
    let mut settings = settings::tiny(Shape::PLAIN);
    settings.codec = codec;
    let mut rig = Rig::new(settings, 2);
    for size in 0..12 {
        rig.append(size * 90, [1, 2, 3][size % 3]);
        rig.flush(size % 5 == 4);
        rig.poll(SECOND / 10);
    }
    rig.settle();
    for (index, position) in positions().into_iter().enumerate() {
        let id = rig.consumers[index].id;
        rig.log().set_position(id, position);
    }
    for _ in 0..5 {
        rig.poll(SECOND);
    }
    rig.log.take().expect("open").close();
    rig
}

fn positions() -> [Position; 2] {
    [Position { pending: Vec::new(), next: 2 }, Position { pending: std::iter::once(3..4).collect(), next: 9 }]
}

fn vector(version: u8, codec: Codec) -> PathBuf {
    Path::new(FOLDER).join(format!("v{version}-{}.hex", format!("{codec:?}").to_lowercase()))
}

#[test]
#[ignore = "writes the vectors of a new format version"]
fn write_golden() {
    for codec in [Codec::None, Codec::Zstd] {
        let path = vector(format::VERSION, codec);
        assert!(!path.exists(), "{} is there: what was released stays as it is", path.display());
        std::fs::create_dir_all(FOLDER).expect("a folder");
        std::fs::write(path, to_text(&written(codec).fs)).expect("written");
    }
}

#[test]
fn every_released_format_is_read() {
    for version in 1..=format::VERSION {
        for codec in [Codec::None, Codec::Zstd] {
            let path = vector(version, codec);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let fs = from_text(&text);
            assert_eq!(to_text(&fs), text, "{} is written as it was read", path.display());
            let mut rig = Rig::closed(fs, settings::tiny(Shape::PLAIN));
            rig.log = Some(rig.try_open().expect("it opens"));
            let ids = ["sink-0", "sink-1"].map(|name| rig.log().consumer(name));
            assert_eq!(ids.map(|id| rig.log().position(id)), positions());
            let records = rig.read(1).records;
            assert_eq!(records.len(), 12);
            for (index, (seq, got)) in records.into_iter().enumerate() {
                let consumers = [vec![0], vec![1], vec![0, 1]][index % 3].clone();
                let sent = Sent { id: seq, size: index * 90, consumers };
                assert_eq!(got, sent.expected(&ids), "record {seq} of {}", path.display());
            }
        }
    }
}

/// Writes another version into the head of a file; what a later version may otherwise change nobody knows.
pub fn set_version(bytes: &mut [u8], version: u8) {
    bytes[8] = version;
}
