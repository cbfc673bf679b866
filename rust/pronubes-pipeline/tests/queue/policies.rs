//! Random traffic through each policy: the queue and the model agree after every step, on messages, order, drops and bytes.

use pronubes_pipeline::queue::{DropReason, Load, Policy, SinkQueue};
use pronubes_pipeline::settle::{Fate, Settle};
use proptest::prelude::*;

use crate::model::{Dropped, Model, Row, cost, queue};

#[derive(Clone, Debug)]
enum Step {
    Push { topic: u8, length: usize, has_hold: bool },
    Pop,
    Take { retry: u8 },
    Reconfigure { policy: Policy, size: usize },
}

const POLICIES: [Policy; 4] = [Policy::Block, Policy::DropOldest, Policy::DropNewest, Policy::KeepLatest];
const LARGEST: usize = 120;

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![Just(200), 500..4_000_usize]
}

fn step() -> impl Strategy<Value = Step> {
    let push = |topics: std::ops::Range<u8>| {
        (topics, 0..LARGEST, any::<bool>()).prop_map(|(topic, length, has_hold)| Step::Push { topic, length, has_hold })
    };
    prop_oneof![
        20 => push(0..4),
        20 => push(0..40),
        12 => Just(Step::Pop),
        2 => any::<u8>().prop_map(|retry| Step::Take { retry }),
        1 => (prop::sample::select(&POLICIES[..]), size()).prop_map(|(policy, size)| Step::Reconfigure { policy, size }),
    ]
}

/// A queue and its model, and the tokens of the messages inside.
struct Pair {
    queue: SinkQueue,
    model: Model,
    settle: Settle<u64>,
    pushed: u64,
    left: u64,
}

impl Pair {
    fn run(&mut self, step: &Step) {
        match step {
            Step::Push { topic, length, has_hold } => {
                self.pushed += 1;
                let row = Row::new(self.pushed, &format!("topic/{topic}"), *length);
                let hold = has_hold.then(|| self.settle.open(0, self.pushed));
                self.queue.push(&row.item(), hold, 0);
                self.model.push(&row);
            }
            Step::Pop => {
                let front = self.queue.front().map(|item| Row::of(&item));
                if let Some(hold) = self.queue.pop() {
                    self.settle.release(hold);
                }
                let count = usize::from(front.is_some());
                assert_eq!(front.into_iter().collect::<Vec<_>>(), self.model.leave(count));
                self.left += count as u64;
            }
            Step::Take { retry } => self.take(*retry),
            Step::Reconfigure { policy, size } => {
                self.queue.reconfigure(*policy, *size);
                self.model.reconfigure(*policy, *size);
            }
        }
    }

    /// A batch leaves; the rows whose bit is set in `retry` come back.
    fn take(&mut self, retry: u8) {
        let Some(load) = self.queue.take() else { return assert!(self.model.rows().is_empty()) };
        let Load { segment, holds, .. } = load;
        let rows: Vec<Row> = segment.records().iter().map(|record| Row::of(&segment.item(record))).collect();
        assert_eq!(rows, self.model.leave(rows.len()));
        let (mut again, mut back) = (Load::like(&segment, 0), Vec::new());
        for (at, (row, hold)) in rows.into_iter().zip(holds).enumerate() {
            if retry >> (at % 8) & 1 == 1 {
                again.push(&row.item(), hold);
                back.push(row);
            } else {
                self.left += 1;
                if let Some(hold) = hold {
                    self.settle.release(hold);
                }
            }
        }
        self.queue.put_back(again);
        self.model.put_back(back);
    }

    fn check(&mut self, may_exceed: bool, size: usize) {
        let drops = self.queue.drops();
        let dropped = Dropped {
            oldest: drops.of(DropReason::DropOldest),
            newest: drops.of(DropReason::DropNewest),
            replaced: drops.of(DropReason::Replaced),
        };
        assert_eq!(dropped, self.model.dropped);
        let (buffered, rows) = (self.queue.walk(), self.model.rows());
        assert_eq!((buffered, self.queue.len()), (rows.len(), rows.len()));
        assert_eq!(self.queue.bytes(), self.model.bytes());
        assert_eq!(self.pushed, self.left + drops.total() + buffered as u64, "the ledger balances");
        assert_eq!(self.queue.front().map(|item| Row::of(&item)).as_ref(), rows.first());
        let one = cost(&Row::new(0, "topic/00", LARGEST));
        assert!(may_exceed || self.queue.memory() <= size.max(one) + size / 2 + one, "memory is bounded");
        self.queue.release_dropped(&mut self.settle);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1_000)))]

    #[test]
    fn a_queue_does_what_its_model_does(
        policy in prop::sample::select(&POLICIES[..]),
        size in size(),
        rows in 1..20_usize,
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let (queue, model) = (queue(policy, size, rows), Model::new(policy, size));
        let mut pair = Pair { queue, model, settle: Settle::default(), pushed: 0, left: 0 };
        pair.settle.collect_lost(); // holds that a case before left on this thread when it failed
        let (mut policy, mut size, mut may_exceed) = (policy, size, policy == Policy::Block);
        for step in &steps {
            pair.run(step);
            if let Step::Reconfigure { policy: new, size: bytes } = step {
                (policy, size) = (*new, *bytes);
            }
            // What comes back or waited under another policy may be more, until the next message comes.
            let is_trimmed = matches!(policy, Policy::DropOldest | Policy::KeepLatest) && matches!(step, Step::Push { .. });
            may_exceed = match step {
                Step::Reconfigure { .. } | Step::Take { .. } => true,
                _ => may_exceed && !is_trimmed,
            };
            pair.check(may_exceed || policy == Policy::Block, size);
        }
        let mut rest = Vec::new();
        while let Some(item) = pair.queue.front() {
            rest.push(Row::of(&item));
            if let Some(hold) = pair.queue.pop() {
                pair.settle.release(hold);
            }
        }
        prop_assert_eq!(rest, pair.model.rows());
        let mut is_done = true;
        pair.settle.drain(0, |_, fate| is_done &= fate == Fate::Done);
        prop_assert!(is_done && pair.settle.is_empty(), "every hold was released");
        prop_assert_eq!(pair.settle.collect_lost(), 0);
    }
}
