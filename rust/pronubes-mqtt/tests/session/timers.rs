//! Keep-alive, answers that do not come, a caller that does not read (C2, C3), clocks that jump (C7).

use crate::broker::{Bench, SECOND, VERSIONS};
use pronubes_mqtt::ProtocolError::{ConnackTimeout, PingTimeout, SubackTimeout};
use pronubes_mqtt::codec::{Packet, PropertyId, Value};
use pronubes_mqtt::{ProtocolError, QoS, SessionConfig, State, Subscription, Version};

fn with_keep_alive(version: Version, keep_alive_s: u16) -> Bench {
    let mut config = SessionConfig::new(version, "c");
    config.keep_alive_s = keep_alive_s;
    Bench::new(config)
}

impl Bench {
    /// Goes from deadline to deadline up to `until`, answering PINGREQ when `answers`. Returns the number of PINGREQs.
    fn run_until(&mut self, until: u64, answers: bool) -> Result<usize, ProtocolError> {
        let mut pings = 0;
        while let Some(deadline) = self.session.next_deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            self.session.advance(self.now)?;
            for line in self.sent() {
                assert_eq!(line, "PINGREQ");
                pings += 1;
                if answers {
                    self.broker_sends(Packet::PingResp)?;
                }
            }
        }
        self.now = until;
        self.session.advance(until).map(|()| pings)
    }
}

#[test]
fn pings_go_out_within_the_keep_alive() {
    for version in VERSIONS {
        let mut bench = with_keep_alive(version, 10);
        bench.open(false);
        let start = bench.now;
        assert_eq!(bench.session.next_deadline(), Some(start + 15 * SECOND / 2));
        assert_eq!(bench.run_until(start + 100 * SECOND, true), Ok(13));
        assert_eq!(bench.session.state(), State::Connected);
    }
}

#[test]
fn a_dead_connection_is_found_within_one_and_a_half_keep_alives() {
    for version in VERSIONS {
        let mut bench = with_keep_alive(version, 10);
        bench.open(false);
        bench.run_until(bench.now + 50 * SECOND, true).expect("the broker answers");
        let silent_since = bench.now;
        assert_eq!(bench.run_until(silent_since + 1_000 * SECOND, false), Err(PingTimeout));
        let took = bench.now - silent_since;
        assert!(took <= 15 * SECOND, "it took {} s", took / SECOND);
        assert!(took >= 5 * SECOND, "it judged after {} s", took / SECOND);
    }
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut bench = with_keep_alive(Version::V311, 10);
    bench.open(false);
    for _ in 0..50 {
        bench.run_until(bench.now + 2 * SECOND, false).expect("messages come");
        bench.broker_delivers("a", "x", 0);
    }
    assert_eq!(bench.session.state(), State::Connected);
}

/// bento#489: a blocked output stopped the keep-alive, the broker dropped the session.
#[test]
fn pings_go_on_while_the_caller_does_not_read() {
    for version in VERSIONS {
        let mut bench = with_keep_alive(version, 5);
        bench.open(false);
        bench.broker_delivers("a", "held back", 1);
        bench.session.pause(bench.now);
        let pings = bench.run_until(bench.now + 300 * SECOND, false).expect("nobody is judged while nobody reads");
        assert_eq!(pings, 80);
        bench.session.resume(bench.now);
        bench.broker_sends(Packet::PingResp).expect("what waited in the socket is read");
        bench.run_until(bench.now + 60 * SECOND, true).expect("life goes on");
        assert_eq!((bench.session.state(), bench.session.unacknowledged().0), (State::Connected, 1));
    }
}

#[test]
fn after_a_pause_a_dead_connection_is_found_again() {
    let mut bench = with_keep_alive(Version::V5, 10);
    bench.open(false);
    bench.session.pause(bench.now);
    bench.run_until(bench.now + 100 * SECOND, false).expect("nobody is judged while nobody reads");
    bench.session.resume(bench.now);
    let resumed = bench.now;
    assert_eq!(bench.run_until(resumed + 1_000 * SECOND, false), Err(PingTimeout));
    assert!(bench.now - resumed <= 15 * SECOND);
}

#[test]
fn the_brokers_keep_alive_wins_and_zero_turns_it_off() {
    let mut bench = with_keep_alive(Version::V5, 60);
    bench.connack.push(PropertyId::ServerKeepAlive, Value::Short(4)).expect("allowed");
    bench.open(false);
    assert_eq!(bench.session.next_deadline(), Some(bench.now + 3 * SECOND));
    let mut bench = with_keep_alive(Version::V5, 0);
    bench.open(false);
    assert_eq!(bench.session.next_deadline(), None);
}

#[test]
fn answers_that_do_not_come_end_the_connection() {
    for version in VERSIONS {
        let mut config = SessionConfig::new(version, "c");
        config.subscriptions = vec![Subscription::new("a", QoS::AtLeastOnce)];
        let mut bench = Bench::new(config);
        bench.session.opened(bench.now);
        assert_eq!(bench.session.next_deadline(), Some(bench.now + 10 * SECOND));
        assert_eq!(bench.session.advance(bench.now + 10 * SECOND - 1), Ok(()));
        assert_eq!(bench.session.advance(bench.now + 10 * SECOND), Err(ConnackTimeout));
        bench.lose();
        bench.now += 20 * SECOND;
        bench.open(false);
        assert_eq!(bench.session.advance(bench.now + 10 * SECOND), Err(SubackTimeout));
    }
}

/// Nothing happens although the caller's clock jumps back and forth by seconds, hours and decades.
#[test]
fn clock_jumps_end_nothing() {
    const HOUR: u64 = 3_600 * SECOND;
    const DECADE: u64 = 10 * 365 * 24 * HOUR;
    for version in VERSIONS {
        let mut bench = with_keep_alive(version, 10);
        bench.now = 2 * DECADE;
        bench.open(false);
        for jump in [1, -1, 60, -60].iter().map(|seconds| seconds * SECOND as i64).chain([
            HOUR as i64,
            -(HOUR as i64),
            DECADE as i64,
            -(DECADE as i64),
        ]) {
            bench.now = bench.now.saturating_add_signed(jump);
            bench.session.advance(bench.now).unwrap_or_else(|error| panic!("{jump}: {error}"));
            bench.sent();
            bench.broker_sends(Packet::PingResp).expect("what waited is read");
            let pings =
                bench.run_until(bench.now + 60 * SECOND, true).unwrap_or_else(|error| panic!("{jump}: {error}"));
            assert!((7..=9).contains(&pings), "after a jump of {jump} ns: {pings} pings a minute");
        }
        bench.now = 0;
        bench.run_until(60 * SECOND, true).expect("a clock that starts at 1970 is a clock");
    }
}

/// A suspended machine wakes up with an unanswered ping whose answer lies in the socket.
#[test]
fn a_late_caller_gets_a_second_to_read_before_the_judgement() {
    let mut bench = with_keep_alive(Version::V311, 10);
    bench.open(false);
    bench.now = bench.session.next_deadline().expect("a ping is due");
    bench.session.advance(bench.now).expect("the ping goes out");
    bench.now += 8 * 3_600 * SECOND;
    bench.session.advance(bench.now).expect("the process was asleep");
    assert_eq!(bench.session.next_deadline(), Some(bench.now + SECOND));
    assert_eq!(bench.session.advance(bench.now + SECOND), Err(PingTimeout));
}
