//! Naive mutation of all packets (E4): nothing panics, nothing takes more memory than the packet limit allows. And the other
//! way round: right messages cost no allocation at all.

use crate::allocator::{calls_of, peak_of};
use crate::vectors::{Case, read};
use pronubes_mqtt::codec::{Packet, next_frame};
use pronubes_mqtt::{AckHandle, Event, Publish, QoS, Session, SessionConfig, State, Version};

/// SplitMix64, so that a seed names a run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

const TELLING: [u8; 12] = [0, 1, 2, 0x7F, 0x80, 0x81, 0xFF, b'+', b'#', b'/', 0xC3, 0x26];

fn mutate(bytes: &mut Vec<u8>, random: &mut Random, others: &[Case]) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 => bytes[at] = TELLING[random.below(TELLING.len())],
        3 => bytes.truncate(at + 1),
        4 => bytes.insert(at, random.next() as u8),
        5 => drop(bytes.remove(at)),
        6 => {
            let other = &others[random.below(others.len())].bytes;
            let from = random.below(other.len());
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {
            let other = random.below(bytes.len());
            bytes.swap(at, other);
        }
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
    // Half of the time the remaining length is put right, so that the mutation reaches the fields.
    if random.below(2) == 0 && (2..130).contains(&bytes.len()) {
        bytes[1] = (bytes.len() - 2) as u8;
    }
}

/// The number of mutants; the nightly run sets PRONUBES_MUTANTS.
fn count() -> usize {
    std::env::var("PRONUBES_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(300_000)
}

#[test]
fn mutated_packets_are_decoded_or_refused_without_memory() {
    let seeds = read("packets.json").into_iter().chain(read("malformed.json")).collect::<Vec<Case>>();
    let (mut random, mut decoded, mut refused) = (Random(1), 0, 0);
    for _ in 0..count() {
        let Case { version, sender, bytes, .. } = &seeds[random.below(seeds.len())];
        let mut bytes = bytes.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random, &seeds);
        }
        let allocations = calls_of(|| match next_frame(&bytes, 1024) {
            Ok(Some(frame)) => match Packet::decode(frame, *version, *sender) {
                Ok(_) => decoded += 1,
                Err(_) => refused += 1,
            },
            Ok(None) => {}
            Err(_) => refused += 1,
        });
        assert_eq!(allocations, 0, "decoding allocated for {bytes:x?}");
    }
    assert!(
        decoded > count() / 20 && refused > count() / 20,
        "{decoded} decoded, {refused} refused: the mutants are too dull"
    );
}

/// What decodes encodes again and decodes to the same.
#[test]
fn what_a_mutant_decodes_to_survives_a_round_trip() {
    let seeds = read("packets.json");
    let mut random = Random(2);
    for _ in 0..count() / 3 {
        let Case { version, sender, bytes, .. } = &seeds[random.below(seeds.len())];
        let mut bytes = bytes.clone();
        mutate(&mut bytes, &mut random, &seeds);
        let Ok(Some(frame)) = next_frame(&bytes, 1024) else { continue };
        let Ok(packet) = Packet::decode(frame, *version, *sender) else { continue };
        // CONNECT brings its own version; everything else is written in the connection's.
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { *version };
        let mut encoded = Vec::new();
        packet.encode(version, &mut encoded).expect("what was read can be written");
        let again = next_frame(&encoded, 2048).expect("the frame is right").expect("the frame is whole");
        assert!(Packet::decode(again, version, *sender) == Ok(packet), "{bytes:x?} became {encoded:x?}");
    }
}

/// Streams of mutated packets into sessions: bounded memory, whatever state they are in.
#[test]
fn sessions_survive_mutated_streams() {
    let seeds: Vec<Case> =
        read("packets.json").into_iter().filter(|case| case.sender == pronubes_mqtt::Sender::Server).collect();
    let mut random = Random(3);
    let (mut ended, mut went_on) = (0, 0);
    for _ in 0..count() / 100 {
        let version = if random.below(2) == 0 { Version::V311 } else { Version::V5 };
        let mut config = SessionConfig::new(version, "c");
        (config.max_inflight, config.maximum_packet_size, config.clean_start) = (10, 2_000, false);
        let mut session = Session::new(config);
        session.opened(0);
        let qos0: &[u8] = &[0x30, 4, 0, 1, b'a', 0];
        let qos1: &[u8] =
            if version == Version::V311 { &[0x3A, 5, 0, 1, b'a', 0, 9] } else { &[0x32, 6, 0, 1, b'a', 0, 9, 0] };
        let plain = [qos0, qos1, &[0xD0, 0], &[0x40, 2, 0, 1]];
        if random.below(8) > 0 {
            let connack: &[u8] = if version == Version::V311 { &[0x20, 2, 0, 0] } else { &[0x20, 3, 0, 0, 0] };
            session.receive(connack, 1, &mut |_| {}).expect("CONNACK is accepted");
        }
        let peak = peak_of(|| {
            for step in 0..30_u64 {
                let message = Publish { topic: b"a", qos: QoS::AtLeastOnce, ..Publish::default() };
                let _ = session.publish(message, step);
                // Mostly what a good broker sends, so that a stream lives long enough to reach odd states.
                let mut bytes = plain[random.below(plain.len())].to_vec();
                if random.below(10) == 0 {
                    bytes.clone_from(&seeds[random.below(seeds.len())].bytes);
                    mutate(&mut bytes, &mut random, &seeds);
                }
                let mut handles: Vec<AckHandle> = Vec::new();
                let _ = session.receive(&bytes, step, &mut |event| {
                    if let Event::Publish(message) = event {
                        assert!(
                            std::str::from_utf8(message.topic)
                                .is_ok_and(|topic| !topic.contains(['+', '#', '\0']) && !topic.is_empty())
                        );
                        handles.extend(message.ack);
                    }
                });
                handles.into_iter().filter(|_| step % 2 == 0).for_each(|handle| session.acknowledge(handle));
            }
        });
        assert!(peak < 32 * 1024, "{peak} bytes for a limit of 2,000 a packet");
        if session.state() == State::Closing { ended += 1 } else { went_on += 1 }
    }
    assert!(ended > 100 && went_on > 20, "{ended} ended, {went_on} went on: the streams are too dull");
}

/// 256 MB announced, then a byte at a time.
#[test]
fn an_announcement_is_not_memory() {
    for version in [Version::V311, Version::V5] {
        let mut config = SessionConfig::new(version, "c");
        config.maximum_packet_size = u32::MAX;
        let mut session = Session::new(config);
        session.opened(0);
        let connack: &[u8] = if version == Version::V311 { &[0x20, 2, 0, 0] } else { &[0x20, 3, 0, 0, 0] };
        session.receive(connack, 1, &mut |_| {}).expect("CONNACK is accepted");
        let peak = peak_of(|| {
            session.receive(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], 2, &mut |_| {}).expect("the limit allows it");
            for now in 3..1_003 {
                session.receive(&[0], now, &mut |_| {}).expect("the packet goes on");
            }
        });
        assert!(peak <= 4_096, "{peak} bytes for 1,005 that arrived");
    }
}

#[test]
fn messages_in_both_directions_allocate_nothing_once_warm() {
    for version in [Version::V311, Version::V5] {
        let mut session = Session::new(SessionConfig::new(version, "c"));
        session.opened(0);
        let connack: &[u8] = if version == Version::V311 { &[0x20, 2, 0, 0] } else { &[0x20, 3, 0, 0, 0] };
        session.receive(connack, 1, &mut |_| {}).expect("CONNACK is accepted");
        let message =
            Publish { topic: b"raw/line/tag", payload: b"{\"value\": 1}", qos: QoS::AtLeastOnce, ..Publish::default() };
        let mut incoming = Vec::new();
        let mut pubacks = Vec::new();
        let mut handles: Vec<AckHandle> = Vec::with_capacity(100);
        let mut round = |session: &mut Session| {
            session.output().clear();
            (0..100).for_each(|token| session.publish(message, token).expect("there is room"));
            incoming.clear();
            incoming.extend_from_slice(session.output()); // what we sent comes back: the same packets are right both ways
            pubacks.clear();
            let mut rest = &incoming[..];
            while let Ok(Some(frame)) = next_frame(rest, u32::MAX) {
                pubacks.extend_from_slice(&[0x40, 2, frame.body[14], frame.body[15]]);
                rest = &rest[frame.size..];
            }
            session.output().clear();
            let mut take = |event: Event<'_>| {
                if let Event::Publish(message) = event {
                    handles.extend(message.ack);
                }
            };
            session.receive(&incoming, 2, &mut take).expect("the messages are right");
            session.receive(&pubacks, 3, &mut take).expect("the PUBACKs are right");
            handles.drain(..).for_each(|handle| session.acknowledge(handle));
            assert_eq!((session.inflight(), session.unacknowledged().0, session.output().len()), (0, 0, 400));
        };
        (0..12).for_each(|_| round(&mut session));
        assert_eq!(calls_of(|| (0..50).for_each(|_| round(&mut session))), 0, "{version:?}");
    }
}
