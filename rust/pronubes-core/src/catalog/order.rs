//! The names in their order, byte by byte: what pages, prefixes and trees are read from.
//!
//! A list of lists of places: an insertion moves at most one list of some hundred places, a search looks at one name per
//! halving. A tree of nodes would take three times the memory.

use super::budget::Budget;
use crate::matcher::{TopicPlace, TopicTable};

/// Places per list.
const LIST: usize = 256;
const LIST_BYTES: usize = LIST * size_of::<TopicPlace>() + 2 * size_of::<Vec<TopicPlace>>();

/// A position in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    list: usize,
    index: usize,
}

/// Places of names, sorted by name.
#[derive(Debug, Default)]
pub(super) struct Order {
    lists: Vec<Vec<TopicPlace>>,
    count: usize,
}

fn name(names: &TopicTable, place: TopicPlace) -> &[u8] {
    names.at(place).map_or(&[], |record| record.topic)
}

impl Order {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The first position whose name is not less than `bound`.
    pub(super) fn seek(&self, names: &TopicTable, bound: &[u8]) -> Position {
        let is_before = |list: &Vec<TopicPlace>| list.last().is_some_and(|last| name(names, *last) < bound);
        let list = self.lists.partition_point(is_before);
        let index = self.lists.get(list).map_or(0, |list| list.partition_point(|place| name(names, *place) < bound));
        Position { list, index }
    }

    /// As [`Order::seek`], from a position that is not behind it: most steps stay in their list.
    pub(super) fn seek_from(&self, names: &TopicTable, from: Position, bound: &[u8]) -> Position {
        let Some(list) = self.lists.get(from.list) else { return from };
        if list.last().is_none_or(|last| name(names, *last) < bound) {
            return self.seek(names, bound);
        }
        let rest = list.get(from.index..).unwrap_or_default();
        let index = from.index + rest.partition_point(|place| name(names, *place) < bound);
        Position { list: from.list, index }
    }

    pub(super) fn get(&self, position: Position) -> Option<TopicPlace> {
        self.lists.get(position.list)?.get(position.index).copied()
    }

    pub(super) fn next(&self, position: Position) -> Position {
        let is_last = self.lists.get(position.list).is_none_or(|list| position.index + 1 >= list.len());
        if is_last {
            Position { list: position.list + 1, index: 0 }
        } else {
            Position { list: position.list, index: position.index + 1 }
        }
    }

    /// How many names lie between two positions, the first of which is not behind the second.
    pub(super) fn distance(&self, from: Position, to: Position) -> usize {
        let between: usize = self.lists.get(from.list..to.list).unwrap_or_default().iter().map(Vec::len).sum();
        (between + to.index).saturating_sub(from.index)
    }

    /// Puts a name in that is not there, if there is room.
    pub(super) fn insert(&mut self, names: &TopicTable, place: TopicPlace, budget: &mut Budget) -> Option<()> {
        let mut at = self.seek(names, name(names, place));
        if at.list == self.lists.len() {
            // Behind all others: names that come in their order fill their lists.
            match self.lists.last() {
                Some(last) if last.len() < LIST => at = Position { list: at.list - 1, index: last.len() },
                _ => self.add_list(at.list, budget)?,
            }
        }
        if self.lists.get(at.list)?.len() >= LIST {
            self.add_list(at.list + 1, budget)?;
            let upper = self.lists.get_mut(at.list)?.split_off(LIST / 2);
            self.lists.get_mut(at.list + 1)?.extend(upper);
            if at.index > LIST / 2 {
                at = Position { list: at.list + 1, index: at.index - LIST / 2 };
            }
        }
        self.lists.get_mut(at.list)?.insert(at.index, place);
        self.count += 1;
        Some(())
    }

    fn add_list(&mut self, at: usize, budget: &mut Budget) -> Option<()> {
        budget.take(LIST_BYTES)?;
        self.lists.insert(at, Vec::with_capacity(LIST));
        Some(())
    }

    /// Takes out what is not wanted.
    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(TopicPlace) -> bool, budget: &mut Budget) {
        self.lists.iter_mut().for_each(|list| list.retain(|place| is_wanted(*place)));
        let before = self.lists.len();
        self.lists.retain(|list| !list.is_empty());
        self.count = self.lists.iter().map(Vec::len).sum();
        budget.replace(before * LIST_BYTES, self.lists.len() * LIST_BYTES);
    }
}
