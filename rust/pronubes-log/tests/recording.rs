//! Recordings come back as they were written; what is cut or damaged costs what it hits, and is said.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what fails ends the test")]

use std::path::Path;

use pronubes_log::Codec;
use pronubes_log::fs::Fs;
use pronubes_log::recording::{Ending, Message, OpenError, Reader, Settings, Taken, Writer, messages};
use pronubes_log::sim::SimFs;
use proptest::prelude::*;

const FILE: &str = "/line.pnrec";
const HEAD: u64 = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    received_ns: i64,
    source_ns: Option<i64>,
    source: String,
    route: String,
}

impl Owned {
    fn borrowed(&self) -> Message<'_> {
        Message {
            topic: self.topic.as_bytes(),
            payload: &self.payload,
            qos: self.qos,
            retain: self.retain,
            received_ns: self.received_ns,
            source_ns: self.source_ns,
            source: &self.source,
            route: &self.route,
        }
    }

    fn of(message: &Message<'_>) -> Self {
        Self {
            topic: String::from_utf8_lossy(message.topic).into_owned(),
            payload: message.payload.to_vec(),
            qos: message.qos,
            retain: message.retain,
            received_ns: message.received_ns,
            source_ns: message.source_ns,
            source: message.source.to_owned(),
            route: message.route.to_owned(),
        }
    }
}

fn numbered(number: i64) -> Owned {
    Owned {
        topic: format!("raw/l{}/t{}", number % 3, number % 7),
        payload: format!("{{\"value\": {number}.50, \"quality\": \"GOOD\"}}").into_bytes(),
        qos: (number % 3) as u8,
        retain: number % 5 == 0,
        received_ns: 1_767_225_600_000_000_000 + number * 1_000_003,
        source_ns: (number % 2 == 0).then_some(1_767_225_600_000_000_000 + number * 999_999),
        source: format!("s{}", number % 2),
        route: String::new(),
    }
}

fn settings(codec: Codec) -> Settings {
    Settings { codec, number: 77, max_bytes: u64::MAX, max_messages: u64::MAX }
}

fn write(fs: &SimFs, settings: Settings, all: &[Owned], flush_every: usize) -> Writer {
    let mut writer = Writer::create(fs, Path::new(FILE), settings, 5).unwrap();
    for (at, message) in all.iter().enumerate() {
        if writer.append(&message.borrowed()).unwrap() == Taken::Full {
            break;
        }
        if (at + 1) % flush_every == 0 {
            writer.flush().unwrap();
        }
    }
    writer
}

fn read(fs: &SimFs) -> (Vec<Owned>, Ending) {
    let mut reader = Reader::open(fs, Path::new(FILE)).unwrap();
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        found.extend(messages(&frame).map(|message| Owned::of(&message)));
    }
    (found, reader.ending().clone())
}

fn is_subsequence(part: &[Owned], whole: &[Owned]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|one| rest.any(|other| other == one))
}

prop_compose! {
    fn any_message()(
        topic in "[a-z]{1,9}(/[a-z0-9]{1,9}){0,3}", payload in prop::collection::vec(any::<u8>(), 0..200), qos in 0_u8..3, retain: bool,
        received_ns: i64, source_ns: Option<i64>, source in "[a-z]{0,5}", route in "[a-z]{0,5}",
    ) -> Owned {
        Owned { topic, payload, qos, retain, received_ns, source_ns, source, route }
    }
}

proptest! {
    #[test]
    fn whatever_is_written_comes_back(all in prop::collection::vec(any_message(), 0..80), flush_every in 1_usize..40, is_packed: bool) {
        let fs = SimFs::new();
        let codec = if is_packed { Codec::Zstd } else { Codec::None };
        write(&fs, settings(codec), &all, flush_every).end(3, 9).unwrap();
        let (found, ending) = read(&fs);
        prop_assert_eq!(&found, &all);
        prop_assert!(ending.is_whole());
        prop_assert_eq!((ending.messages, ending.lost), (all.len() as u64, 3));
        prop_assert_eq!((ending.begun_ns, ending.ended_ns), (Some(5), Some(9)));
    }

    #[test]
    fn a_cut_costs_what_is_behind_it(cut in 0_u64..9_000, is_packed: bool) {
        let all: Vec<Owned> = (0..60).map(numbered).collect();
        let fs = SimFs::new();
        let codec = if is_packed { Codec::Zstd } else { Codec::None };
        write(&fs, settings(codec), &all, 10).end(0, 9).unwrap();
        let size = fs.peek(Path::new(FILE)).unwrap().len() as u64;
        let cut = HEAD + cut % (size - HEAD);
        fs.truncate(Path::new(FILE), cut).unwrap();
        let (found, ending) = read(&fs);
        prop_assert_eq!(&found[..], &all[..found.len()]);
        prop_assert_eq!(found.len() % 10, 0);
        prop_assert!(!ending.is_whole() && !ending.has_end);
        prop_assert!(ending.whole_to <= cut && cut - ending.whole_to.max(HEAD) <= 1_200);
    }

    #[test]
    fn a_flipped_bit_costs_one_frame_and_is_said(bit in 0_u64..72_000, is_packed: bool) {
        let all: Vec<Owned> = (0..60).map(numbered).collect();
        let fs = SimFs::new();
        let codec = if is_packed { Codec::Zstd } else { Codec::None };
        write(&fs, settings(codec), &all, 10).end(0, 9).unwrap();
        let size = fs.peek(Path::new(FILE)).unwrap().len() as u64;
        let bit = 64 + bit % (size * 8 - 64); // the magic makes it a recording
        fs.flip_bit(Path::new(FILE), bit).unwrap();
        let (found, ending) = read(&fs);
        prop_assert!(found.len() >= 50 && is_subsequence(&found, &all));
        prop_assert!(!ending.is_whole());
        prop_assert!(!ending.has_end || ending.missing == (all.len() - found.len()) as u64);
    }

    #[test]
    fn any_bytes_behind_the_magic_end(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let fs = SimFs::new();
        fs.put(Path::new(FILE), &[b"PNrec\r\n\x1a\x01".as_slice(), &bytes].concat()).unwrap();
        if let Ok(mut reader) = Reader::open(&fs, Path::new(FILE)) {
            while reader.next_frame().unwrap().is_some() {}
            prop_assert!(!reader.ending().is_whole());
        }
    }
}

#[test]
fn a_writer_that_is_killed_leaves_what_was_flushed() {
    let all: Vec<Owned> = (0..25).map(numbered).collect();
    let fs = SimFs::new();
    drop(write(&fs, settings(Codec::Zstd), &all, 10));
    let (found, ending) = read(&fs.kill());
    assert_eq!(found, all[..20]);
    assert!(!ending.has_end && ending.damaged_places == 0);
}

#[test]
fn a_full_disk_leaves_a_whole_file_that_says_what_is_missing() {
    let all: Vec<Owned> = (0..1_000).map(numbered).collect();
    let fs = SimFs::new();
    let mut writer = Writer::create(&fs, Path::new(FILE), settings(Codec::None), 5).unwrap();
    fs.set_quota(Some(fs.used() + 20_000));
    let failed =
        all.iter().position(|message| writer.append(&message.borrowed()).and_then(|_| writer.flush()).is_err());
    let failed = failed.expect("the disk is too small for all of it");
    assert!(writer.is_full());
    assert_eq!(writer.append(&all[0].borrowed()).unwrap(), Taken::Full);
    fs.set_quota(None);
    writer.end(7, 9).unwrap();
    let (found, ending) = read(&fs);
    assert_eq!(found, all[..failed]);
    assert!(ending.is_whole());
    assert_eq!(ending.lost, 7 + 1);
}

#[test]
fn bounds_hold_and_little_room_is_left_over() {
    let all: Vec<Owned> = (0..200_000).map(numbered).collect();
    for max_bytes in [30_000_u64, 1_000_000] {
        let fs = SimFs::new();
        let writer = write(&fs, Settings { max_bytes, ..settings(Codec::None) }, &all, usize::MAX);
        assert!(writer.is_full());
        writer.end(0, 9).unwrap();
        let size = fs.peek(Path::new(FILE)).unwrap().len() as u64;
        assert!(size <= max_bytes && size + 8_192 > max_bytes, "{size} of {max_bytes}");
        let (found, ending) = read(&fs);
        assert_eq!(found, all[..found.len()]);
        assert!(ending.is_whole() && ending.lost > 0);
    }
    let fs = SimFs::new();
    let writer = write(&fs, Settings { max_messages: 17, ..settings(Codec::Zstd) }, &all, 10);
    assert_eq!((writer.messages(), writer.left_out()), (17, 0));
    writer.end(0, 9).unwrap();
    assert_eq!(read(&fs).0, all[..17]);
}

#[test]
fn what_is_none_is_told_apart_from_what_is_newer() {
    let fs = SimFs::new();
    let path = Path::new(FILE);
    fs.put(path, b"{\"topic\": \"a\", \"payload\": 1}\n").unwrap();
    assert!(matches!(Reader::open(&fs, path), Err(OpenError::NoRecording)));
    assert!(matches!(Reader::open(&fs, Path::new("/none")), Err(OpenError::Io(_))));
    fs.remove(path).unwrap();
    write(&fs, settings(Codec::None), &[numbered(1)], 1).end(0, 9).unwrap();
    let mut bytes = fs.peek(path).unwrap();
    fs.remove(path).unwrap();
    bytes[8] = 2;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..64]);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    fs.put(path, &bytes).unwrap();
    assert!(matches!(Reader::open(&fs, path), Err(OpenError::Version(2))));
}

#[test]
fn a_message_longer_than_a_frame_is_left_out_and_counted() {
    let fs = SimFs::new();
    let mut writer = Writer::create(&fs, Path::new(FILE), settings(Codec::None), 5).unwrap();
    let large = Owned { payload: vec![b'x'; 9 << 20], ..numbered(1) };
    assert_eq!(writer.append(&large.borrowed()).unwrap(), Taken::TooLarge);
    assert_eq!(writer.append(&numbered(2).borrowed()).unwrap(), Taken::Taken);
    writer.end(0, 9).unwrap();
    let (found, ending) = read(&fs);
    assert_eq!((found, ending.lost), (vec![numbered(2)], 1));
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/recording-format.md");

#[test]
fn the_page_says_where_everything_stands() {
    let fs = SimFs::new();
    write(&fs, settings(Codec::None), &[numbered(1), numbered(2)], 2).end(3, 9).unwrap();
    let bytes = fs.peek(Path::new(FILE)).unwrap();
    let marks = [&bytes[..64], &bytes[bytes.len() - 64..]];
    let page = std::fs::read_to_string(PAGE).unwrap();
    let rows: Vec<Vec<&str>> = page.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let row = |offset: &str| rows.iter().find(|row| row.len() == 6 && row[1] == offset).expect("the page has the row");
    let word = |mark: &[u8], offset: usize| u64::from_le_bytes(mark[offset..offset + 8].try_into().unwrap());
    for (mark, column) in marks.iter().zip([3, 4]) {
        let magic: String = mark[..8].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        assert!(row("0")[column].starts_with(&format!("`{magic}`")), "{magic}");
        assert_eq!(mark[8], 1);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&mark[..12]), &mark[16..]);
        assert_eq!(mark[12..16], sum.to_le_bytes());
        assert_eq!(word(mark, 16), 77);
        assert!(mark[9..12].iter().chain(&mark[48..]).all(|byte| *byte == 0));
    }
    let of_page = |offset: &str| (row(offset)[3], row(offset)[4].split(':').next().unwrap_or_default().to_owned());
    assert_eq!(of_page("24"), ("zero", "number behind the last message".to_owned()));
    assert_eq!(of_page("32"), ("zero", "messages that came and are not in it".to_owned()));
    assert_eq!(of_page("40"), ("when it was begun", "when it was ended".to_owned()));
    assert_eq!([24, 32, 40].map(|offset| word(marks[0], offset)), [0, 0, 5]);
    assert_eq!([24, 32, 40].map(|offset| word(marks[1], offset)), [3, 3, 9]);
}

#[test]
fn recordings_of_version_1_are_read() {
    for (codec, name) in [(Codec::None, "none"), (Codec::Zstd, "zstd")] {
        let golden = format!("{}/tests/golden/recording-v1-{name}.hex", env!("CARGO_MANIFEST_DIR"));
        let all: Vec<Owned> = (0..12).map(numbered).collect();
        let fs = SimFs::new();
        let Ok(text) = std::fs::read_to_string(&golden) else {
            write(&fs, settings(codec), &all, 6).end(3, 9).unwrap();
            let bytes = fs.peek(Path::new(FILE)).unwrap();
            let lines = bytes.chunks(64).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            std::fs::write(&golden, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
            panic!("{golden} was not there; it is now: commit it");
        };
        let digits: String = text.split_whitespace().collect();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        fs.put(Path::new(FILE), &bytes).unwrap();
        let (found, ending) = read(&fs);
        assert_eq!(found, all);
        assert!(ending.is_whole());
        assert_eq!((ending.lost, ending.begun_ns, ending.ended_ns), (3, Some(5), Some(9)));
    }
}
