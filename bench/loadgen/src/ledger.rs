//! Which outputs came, in which order: losses, duplicates and reordering per topic.

use std::collections::HashSet;

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
}

impl Ledger {
    pub(crate) fn new(outputs: usize) -> Self {
        Self { next: vec![0; outputs], missing: HashSet::new(), returned: 0, duplicates: 0, out_of_order: 0 }
    }

    /// Books one output; false for a duplicate.
    pub(crate) fn arrive(&mut self, output: usize, round: u32) -> bool {
        let next = &mut self.next[output];
        if round == *next {
            *next += 1;
            self.returned += 1;
            return true;
        }
        self.arrive_out_of_line(output, round)
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
        let mut ledger = Ledger::new(2);
        let news: Vec<bool> = [(0, 0), (0, 2), (1, 0), (0, 1), (0, 1), (0, 2), (0, 5)]
            .map(|(output, round)| ledger.arrive(output, round))
            .into();
        assert_eq!(news, [true, true, true, true, false, false, true]);
        assert_eq!((ledger.returned, ledger.out_of_order, ledger.duplicates), (5, 1, 2));
    }
}
