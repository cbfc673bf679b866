//! The token ring against a naive model, and what becomes of holds that are dropped.

use pronubes_pipeline::settle::{Fate, Hold, Settle};
use proptest::prelude::*;

/// What the model knows of a message: its mark, holds that are left, whether one failed, whether it is void.
struct Model {
    mark: u64,
    holds: usize,
    failed: bool,
    gone: bool,
}

#[derive(Clone, Debug)]
enum Action {
    Open { slot: u16 },
    Hold { pick: usize },
    Release { pick: usize },
    Fail { pick: usize },
    Forget { pick: usize },
    Drain { slot: u16 },
    Void { slot: u16 },
}

fn action() -> impl Strategy<Value = Action> {
    let slot = 0..2_u16;
    prop_oneof![
        4 => slot.clone().prop_map(|slot| Action::Open { slot }),
        3 => any::<usize>().prop_map(|pick| Action::Hold { pick }),
        7 => any::<usize>().prop_map(|pick| Action::Release { pick }),
        1 => any::<usize>().prop_map(|pick| Action::Fail { pick }),
        1 => any::<usize>().prop_map(|pick| Action::Forget { pick }),
        3 => slot.clone().prop_map(|slot| Action::Drain { slot }),
        1 => slot.prop_map(|slot| Action::Void { slot }),
    ]
}

#[derive(Default)]
struct World {
    settle: Settle<u64>,
    messages: [Vec<Model>; 2],
    holds: Vec<(Hold, u16, usize)>,
    next_mark: u64,
}

impl World {
    fn resolve(&mut self, pick: usize, how: &Action) {
        if self.holds.is_empty() {
            return;
        }
        let (hold, slot, index) = self.holds.swap_remove(pick % self.holds.len());
        let message = &mut self.messages[usize::from(slot)][index];
        message.holds -= 1;
        match how {
            Action::Release { .. } => self.settle.release(hold),
            Action::Fail { .. } => {
                self.settle.fail(hold);
                message.failed = true;
            }
            _ => {
                drop(hold);
                assert_eq!(self.settle.collect_lost(), 1);
                message.failed = true;
            }
        }
    }

    fn drain(&mut self, slot: u16) {
        let mut got = Vec::new();
        self.settle.drain(slot, |mark, fate| got.push((mark, fate)));
        let mut expected = Vec::new();
        for message in self.messages[usize::from(slot)].iter_mut().filter(|message| !message.gone) {
            if message.holds > 0 {
                break;
            }
            message.gone = true;
            expected.push((message.mark, if message.failed { Fate::Failed } else { Fate::Done }));
        }
        assert_eq!(got, expected);
    }

    fn apply(&mut self, action: &Action) {
        match *action {
            Action::Open { slot } => {
                self.next_mark += 1;
                let hold = self.settle.open(slot, self.next_mark);
                let messages = &mut self.messages[usize::from(slot)];
                messages.push(Model { mark: self.next_mark, holds: 1, failed: false, gone: false });
                self.holds.push((hold, slot, messages.len() - 1));
            }
            Action::Hold { pick } if !self.holds.is_empty() => {
                let (hold, slot, index) = &self.holds[pick % self.holds.len()];
                let (more, slot, index) = (self.settle.hold(hold), *slot, *index);
                self.messages[usize::from(slot)][index].holds += 1;
                self.holds.push((more, slot, index));
            }
            Action::Hold { .. } => {}
            Action::Release { pick } | Action::Fail { pick } | Action::Forget { pick } => self.resolve(pick, action),
            Action::Drain { slot } => self.drain(slot),
            Action::Void { slot } => {
                self.settle.void(slot);
                self.messages[usize::from(slot)].iter_mut().for_each(|message| message.gone = true);
            }
        }
        for slot in 0..2_u16 {
            let alive: Vec<_> = self.messages[usize::from(slot)].iter().filter(|message| !message.gone).collect();
            assert_eq!(self.settle.open_tokens(slot), alive.len());
            assert_eq!(self.settle.has_failed(slot), alive.iter().any(|message| message.failed));
            let can_drain = alive.first().is_some_and(|message| message.holds == 0);
            assert!(!can_drain || self.settle.is_dirty(slot), "a settled front must be announced");
        }
    }
}

proptest! {
    #[test]
    fn the_ring_is_the_naive_list(actions in proptest::collection::vec(action(), 1..200)) {
        let mut world = World::default();
        for action in &actions {
            world.apply(action);
        }
        while !world.holds.is_empty() {
            world.resolve(0, &Action::Release { pick: 0 });
        }
        world.drain(0);
        world.drain(1);
        prop_assert!(world.settle.is_empty());
    }
}

#[test]
fn tokens_leave_in_arrival_order_however_they_settle() {
    let mut settle = Settle::<u64>::default();
    let [first, second, third] = [10, 20, 30].map(|mark| settle.open(3, mark));
    settle.release(third);
    settle.release(second);
    let mut left = Vec::new();
    settle.drain(3, |mark, _| left.push(mark));
    assert!(left.is_empty(), "the first is not settled yet");
    settle.release(first);
    settle.drain(3, |mark, _| left.push(mark));
    assert_eq!(left, [10, 20, 30]);
}

#[test]
fn a_late_release_of_a_void_token_touches_no_other() {
    let mut settle = Settle::<u64>::default();
    let old = settle.open(0, 1);
    settle.void(0);
    let new = settle.open(0, 2);
    settle.release(old);
    settle.drain(0, |_, _| panic!("the new token has its hold still"));
    settle.release(new);
    assert!(settle.is_dirty(0));
}

#[test]
fn a_hold_survives_as_a_tag() {
    let mut settle = Settle::<u64>::default();
    let tag = settle.open(7, 99).into_tag();
    assert_eq!(settle.collect_lost(), 0);
    settle.release(Hold::from_tag(tag).unwrap());
    let mut left = Vec::new();
    settle.drain(7, |mark, fate| left.push((mark, fate)));
    assert_eq!(left, [(99, Fate::Done)]);
    assert_eq!(Hold::from_tag(0), None);
}
