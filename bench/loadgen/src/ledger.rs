//! Which outputs came, in which order: losses, duplicates and reordering per topic.

use std::collections::{HashMap, HashSet};

/// Numbers that are remembered as missing at most; beyond it they count as lost at once.
const MAX_MISSING: usize = 1_000_000;

/// What came back against what was sent, for each output of each slot.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The round that is expected next, per output.
    next: Vec<u32>,
    missing: HashSet<(u32, u32)>,
    pub(crate) returned: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    /// Where several outputs share a topic: the topic of each output, and the number of the newest input seen under it.
    shared: Option<(Vec<u32>, Vec<u64>)>,
}

impl Ledger {
    /// For outputs with these topics, in their order.
    pub(crate) fn new<'a>(topics: impl Iterator<Item = &'a str>) -> Self {
        let mut numbers = HashMap::new();
        let mut topic_of = Vec::new();
        for topic in topics {
            let next = numbers.len() as u32;
            topic_of.push(*numbers.entry(topic).or_insert(next));
        }
        let outputs = topic_of.len();
        let shared = (numbers.len() < outputs).then(|| (topic_of, vec![0; numbers.len()]));
        Self { next: vec![0; outputs], missing: HashSet::new(), returned: 0, duplicates: 0, out_of_order: 0, shared }
    }

    /// Books one output, which came from input number `input` of its round; false for a duplicate.
    pub(crate) fn arrive(&mut self, output: usize, round: u32, input: u64) -> bool {
        let next = &mut self.next[output];
        let mut was_seen_late = false;
        if round == *next {
            *next += 1;
            self.returned += 1;
        } else {
            let before = self.out_of_order;
            if !self.arrive_out_of_line(output, round) {
                return false;
            }
            was_seen_late = self.out_of_order > before;
        }
        if let Some((topic_of, newest)) = &mut self.shared {
            let newest = &mut newest[topic_of[output] as usize];
            self.out_of_order += u64::from(input < *newest && !was_seen_late);
            *newest = input.max(*newest);
        }
        true
    }

    fn arrive_out_of_line(&mut self, output: usize, round: u32) -> bool {
        let key = output as u32;
        let next = self.next[output];
        if round > next {
            for skipped in next..round {
                if self.missing.len() < MAX_MISSING {
                    self.missing.insert((key, skipped));
                }
            }
            self.next[output] = round + 1;
            self.returned += 1;
            return true;
        }
        if self.missing.remove(&(key, round)) {
            self.out_of_order += 1;
            self.returned += 1;
            return true;
        }
        self.duplicates += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_late_arrivals_and_duplicates_are_told_apart() {
        let mut ledger = Ledger::new(["a", "b"].into_iter());
        let arrivals = [(0, 0), (0, 2), (1, 0), (0, 1), (0, 1), (0, 2), (0, 5)];
        let news = arrivals.map(|(output, round)| ledger.arrive(output, round, u64::from(round) * 2 + output as u64));
        assert_eq!(news, [true, true, true, true, false, false, true]);
        assert_eq!((ledger.returned, ledger.out_of_order, ledger.duplicates), (5, 1, 2));
    }

    #[test]
    fn inputs_that_leave_under_one_topic_keep_their_order() {
        let mut ledger = Ledger::new(["a", "b", "a"].into_iter());
        for (output, round, input) in [(2, 0, 2), (0, 0, 0), (1, 0, 1), (0, 1, 3), (2, 1, 5)] {
            assert!(ledger.arrive(output, round, input));
        }
        assert_eq!(ledger.out_of_order, 1);
    }
}
