//! Lanes: what the logs still owe a sink.
//!
//! A sink that keeps up gets every record at once; its confirmations move its position. One that does not is *lagging*: records
//! pass it by, and their numbers are noted here as ranges. Later they come back out of the log, marked as replayed.
//!
//! Rules of this file:
//! 1. A record of a sink is always in one of three places: with the sink, confirmed, or in a range.
//! 2. What is saved as position covers everything that is not confirmed: after a crash records may come twice, never not at all.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use pronubes_log::Position;

use crate::node::{ReplayOrder, ReplaySpec};

/// How many topics that were passed by newer values are remembered; beyond it no replayed message is retained.
const MAX_OVERTAKEN: usize = 1 << 20;
/// How long confirmations are counted for the pace of replaying.
const WINDOW_NS: i64 = 100_000_000;
/// How many replayed messages may be unconfirmed before anything is known of a sink's pace.
const FIRST_PACE: u64 = 64;

/// What one log still owes a sink.
#[derive(Debug)]
pub(crate) struct Track {
    /// The sink's number in the log.
    pub(crate) consumer: u16,
    /// Records that the sink did not get, oldest first. While it lags, the last range grows.
    skipped: VecDeque<Range<u64>>,
    /// Records below this number are of an earlier run.
    first: u64,
    /// What came back out of the log last; 0 when nothing did.
    last_fed: u64,
    /// Records of this run in the ranges.
    pub(crate) waiting: u64,
    /// When the oldest record that waits came in, as far as known.
    pub(crate) oldest_ns: Option<i64>,
}

impl Track {
    /// What an earlier run left.
    pub(crate) fn recovered(consumer: u16, position: &Position, head: u64) -> Self {
        let mut skipped: VecDeque<_> = position.pending.iter().filter(|range| !range.is_empty()).cloned().collect();
        if position.next < head {
            skipped.push_back(position.next..head);
        }
        Self { consumer, skipped, first: head, last_fed: 0, waiting: 0, oldest_ns: None }
    }

    /// The sink lags from here on.
    pub(crate) fn begin(&mut self, head: u64) {
        self.skipped.push_back(head..head);
    }

    /// A record passes the sink by.
    pub(crate) fn skip(&mut self, seq: u64, received_ns: i64) {
        self.waiting += 1;
        self.oldest_ns.get_or_insert(received_ns);
        match self.skipped.back_mut() {
            // The lag may begin with this very record, which has its number already.
            Some(range) => *range = range.start.min(seq)..seq + 1,
            None => self.skipped.push_back(seq..seq + 1),
        }
    }

    /// A record that the sink had is lost there: it gets it again.
    pub(crate) fn put_back(&mut self, seq: u64) {
        self.waiting += u64::from(seq >= self.first);
        let at = self.skipped.partition_point(|range| range.start <= seq);
        self.skipped.insert(at, seq..seq + 1);
    }

    /// Whether something is to come out of the log.
    pub(crate) fn has_more(&self) -> bool {
        self.skipped.iter().any(|range| !range.is_empty())
    }

    /// What is to come out next, and up to where; a range that ends is taken away.
    pub(crate) fn next(&mut self, is_lagging: bool) -> Option<Range<u64>> {
        while self.skipped.len() > usize::from(is_lagging) && self.skipped.front().is_some_and(Range::is_empty) {
            self.skipped.pop_front();
        }
        self.skipped.front().filter(|range| !range.is_empty()).cloned()
    }

    /// The records before this number have come out, or are lost.
    pub(crate) fn advance(&mut self, to: u64) {
        if let Some(range) = self.skipped.front_mut() {
            range.start = to.clamp(range.start, range.end);
        }
    }

    /// A record came out, for so many targets.
    pub(crate) fn fed(&mut self, seq: u64, received_ns: i64, targets: u64) {
        self.advance(seq + 1);
        self.last_fed = self.last_fed.max(seq);
        self.oldest_ns = Some(received_ns);
        if seq >= self.first {
            self.waiting = self.waiting.saturating_sub(targets);
        }
        if !self.has_more() {
            self.oldest_ns = None;
        }
    }

    /// Records that waited and that the log does not have any more.
    pub(crate) fn take_lost(&mut self) -> u64 {
        if self.has_more() { 0 } else { std::mem::take(&mut self.waiting) }
    }

    /// Records of the log dropped by its policy.
    pub(crate) fn dropped(&mut self, records: u64) {
        self.waiting = self.waiting.saturating_sub(records);
    }

    /// What is to be saved, given the oldest records that the sink has and has not confirmed.
    pub(crate) fn position(&self, live: Option<u64>, replayed: Option<u64>, head: u64) -> Position {
        let next = live.unwrap_or(head);
        let unconfirmed = replayed.map(|oldest| {
            let front = self.skipped.front().map_or(u64::MAX, |range| range.start);
            oldest..front.min(self.last_fed + 1).max(oldest + 1)
        });
        let mut pending: Vec<Range<u64>> = Vec::with_capacity(self.skipped.len() + 1);
        for range in unconfirmed.into_iter().chain(self.skipped.iter().cloned()) {
            let range = range.start..range.end.min(next);
            match pending.last_mut() {
                _ if range.is_empty() => {}
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => pending.push(range),
            }
        }
        Position { pending, next }
    }
}

/// What the logs owe one sink, and at which pace it gets it.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) durable: Option<Track>,
    pub(crate) spill: Option<Track>,
    /// Whether new records pass the sink by.
    pub(crate) is_lagging: bool,
    /// Messages that came out of logs.
    pub(crate) replayed: u64,
    replay: ReplaySpec,
    pace: Pace,
    overtaken: HashSet<u64, FixedState>,
    is_overtaken_full: bool,
}

impl Lane {
    pub(crate) fn configure(&mut self, replay: ReplaySpec) {
        self.replay = replay;
    }

    fn tracks(&mut self) -> impl Iterator<Item = &mut Track> {
        self.durable.iter_mut().chain(&mut self.spill)
    }

    /// Whether a log stands behind the sink.
    pub(crate) fn is_logged(&self) -> bool {
        self.durable.is_some() || self.spill.is_some()
    }

    /// Whether something is to come out of the logs.
    pub(crate) fn has_more(&self) -> bool {
        self.durable.iter().chain(&self.spill).any(Track::has_more)
    }

    /// Records of this run that wait in the logs.
    pub(crate) fn waiting(&self) -> u64 {
        self.durable.iter().chain(&self.spill).map(|track| track.waiting).sum()
    }

    /// When the oldest record that waits came in.
    pub(crate) fn oldest_ns(&self) -> Option<i64> {
        self.durable.iter().chain(&self.spill).filter_map(|track| track.oldest_ns).min()
    }

    /// New records pass the sink by from now on; the heads of the two logs.
    pub(crate) fn begin_lagging(&mut self, durable: u64, spill: u64) {
        self.is_lagging = true;
        if let Some(track) = &mut self.durable {
            track.begin(durable);
        }
        if let Some(track) = &mut self.spill {
            track.begin(spill);
        }
    }

    /// Whether the sink may get new records again.
    pub(crate) fn may_catch_up(&self) -> bool {
        self.replay.order == ReplayOrder::LiveFirst || !self.has_more()
    }

    /// New records go to the sink again.
    pub(crate) fn end_lagging(&mut self) {
        self.is_lagging = false;
    }

    /// A new retained message goes out while older ones wait: those must not replace it.
    pub(crate) fn overtake(&mut self, topic: &[u8]) {
        if !self.has_more() {
            return;
        }
        if self.overtaken.len() < MAX_OVERTAKEN {
            self.overtaken.insert(hash(topic));
        } else {
            self.is_overtaken_full = true;
        }
    }

    /// Whether a replayed message may become the retained one of its topic.
    pub(crate) fn may_retain(&self, topic: &[u8]) -> bool {
        !self.is_overtaken_full && (self.overtaken.is_empty() || !self.overtaken.contains(&hash(topic)))
    }

    /// Everything has come out.
    pub(crate) fn forget_overtaken(&mut self) {
        self.overtaken.clear();
        self.is_overtaken_full = false;
    }

    /// The sink confirmed so many messages.
    pub(crate) fn confirmed(&mut self, count: u64, now_ns: i64) {
        self.pace.confirmed(count, now_ns);
    }

    /// How many messages may come out now, with so many unconfirmed.
    pub(crate) fn allowance(&mut self, unconfirmed: u64, now_ns: i64) -> u64 {
        let by_pace = self.pace.allowance(now_ns).saturating_sub(unconfirmed);
        match self.replay.rate {
            Some(rate) => by_pace.min(self.pace.by_rate(rate, now_ns)),
            None => by_pace,
        }
    }

    /// So many came out.
    pub(crate) fn fed(&mut self, count: u64) {
        self.replayed += count;
        self.pace.credit = self.pace.credit.saturating_sub(count);
    }

    /// Whether the rate, and not the sink, decides when more comes out.
    pub(crate) fn is_rated(&self) -> bool {
        self.replay.rate.is_some()
    }

    /// What the sink has inside is left to the log: it comes to whoever has the sink's name next.
    pub(crate) fn move_to_log(&mut self, inside: u64) {
        if let Some(track) = self.durable.as_mut().or(self.spill.as_mut()) {
            track.waiting += inside;
        }
    }

    /// Records that waited and that no log has any more.
    pub(crate) fn take_lost(&mut self) -> u64 {
        self.tracks().map(Track::take_lost).sum()
    }
}

fn hash(topic: &[u8]) -> u64 {
    FixedState::default().hash_one(topic)
}

/// How fast a sink confirms: so much is replayed that what is new waits behind a tenth of a second's worth.
#[derive(Debug, Default)]
struct Pace {
    window_ns: i64,
    count: u64,
    last: u64,
    /// Messages that the rate allows.
    credit: u64,
    credited_ns: i64,
}

impl Pace {
    fn turn(&mut self, now_ns: i64) {
        let age_ns = now_ns.saturating_sub(self.window_ns);
        if !(0..WINDOW_NS).contains(&age_ns) {
            // A longer window counts as the tenth of a second that it holds on average.
            let windows = u64::try_from(age_ns / WINDOW_NS).unwrap_or(1).max(1);
            self.last = self.count / windows;
            self.count = 0;
            self.window_ns = now_ns;
        }
    }

    fn confirmed(&mut self, count: u64, now_ns: i64) {
        self.turn(now_ns);
        self.count += count;
    }

    fn allowance(&mut self, now_ns: i64) -> u64 {
        self.turn(now_ns);
        self.last.max(self.count).max(FIRST_PACE)
    }

    /// Messages that `rate` a second allow now; a tenth of a second's worth at once at most.
    fn by_rate(&mut self, rate: u32, now_ns: i64) -> u64 {
        let rate = u64::from(rate.max(1));
        self.credited_ns = self.credited_ns.min(now_ns); // The clock may have been set back.
        let elapsed_ns = u64::try_from(now_ns.saturating_sub(self.credited_ns)).unwrap_or_default().min(1_000_000_000);
        let earned = rate * elapsed_ns / 1_000_000_000;
        if earned > 0 {
            self.credited_ns = now_ns;
            self.credit = (self.credit + earned).min((rate / 10).max(1));
        }
        self.credit
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "ranges are what positions are made of")]
mod tests {
    use super::*;

    fn track(ranges: &[Range<u64>]) -> Track {
        let position = Position { pending: ranges.to_vec(), next: 100 };
        Track::recovered(0, &position, 100)
    }

    #[test]
    fn position_covers_all_that_is_not_confirmed() {
        let cases = [
            ("nothing open", track(&[]), None, None, vec![], 200),
            ("live unconfirmed", track(&[]), Some(150), None, vec![], 150),
            ("a range waits", track(&[10..20]), None, None, vec![10..20], 200),
            (
                "a range beyond what is unconfirmed is covered by it",
                track(&[10..20, 60..70]),
                Some(40),
                None,
                vec![10..20],
                40,
            ),
        ];
        for (what, track, live, replayed, pending, next) in cases {
            assert_eq!(track.position(live, replayed, 200), Position { pending, next }, "{what}");
        }
        let mut feeding = track(&[10..20]);
        feeding.fed(10, 0, 1);
        feeding.fed(11, 0, 1);
        assert_eq!(feeding.position(None, Some(10), 200), Position { pending: vec![10..20], next: 200 });
        assert_eq!(feeding.position(None, Some(11), 200), Position { pending: vec![11..20], next: 200 });
        (12..20).for_each(|seq| feeding.fed(seq, 0, 1));
        assert_eq!(feeding.position(None, Some(15), 200), Position { pending: vec![15..20], next: 200 });
        assert_eq!(feeding.position(None, None, 200), Position { pending: vec![], next: 200 });
    }

    #[test]
    fn skipped_records_come_back_in_order() {
        let mut track = track(&[]);
        track.begin(100);
        assert_eq!(track.next(true), None);
        track.skip(103, 7);
        track.skip(109, 8);
        assert_eq!((track.next(true), track.waiting, track.oldest_ns), (Some(100..110), 2, Some(7)));
        track.fed(103, 7, 1);
        track.advance(110);
        assert_eq!((track.next(true), track.waiting), (None, 1));
        track.skip(112, 9);
        assert_eq!(track.next(true), Some(110..113), "the range that is open grows on");
        track.put_back(50);
        assert_eq!(track.next(false), Some(50..51), "what was lost is older");
    }

    #[test]
    fn pace_follows_the_sink_and_rate_bounds_it() {
        let mut lane = Lane::default();
        assert_eq!(lane.allowance(0, 0), FIRST_PACE);
        lane.confirmed(5_000, 50_000_000);
        assert_eq!(lane.allowance(1_000, 150_000_000), 4_000);
        lane.configure(ReplaySpec { rate: Some(100), ..ReplaySpec::default() });
        assert_eq!(lane.allowance(0, 160_000_000), 10);
        lane.fed(10);
        assert_eq!(lane.allowance(0, 165_000_000), 0);
        assert_eq!(lane.allowance(0, 200_000_000), 4);
    }

    #[test]
    fn older_messages_never_replace_newer_retained_ones() {
        let mut lane = Lane { durable: Some(track(&[10..20])), ..Lane::default() };
        assert!(lane.may_retain(b"a"));
        lane.overtake(b"a");
        assert!(!lane.may_retain(b"a") && lane.may_retain(b"b"));
        lane.forget_overtaken();
        assert!(lane.may_retain(b"a"));
    }
}
