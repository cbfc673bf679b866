//! Names that contain a text.
//!
//! A text that many names contain is found by looking at them in their order; one that few contain, by one pass over the
//! arena in which the names lie. Which it is nobody knows before, so the first some thousand names are looked at in order.

use memchr::memmem::Finder;

use crate::matcher::{TopicPlace, TopicTable};

/// A set of places of names.
#[derive(Debug, Default)]
pub(super) struct Found {
    bits: Vec<u64>,
    pub(super) places: Vec<TopicPlace>,
}

impl Found {
    /// The names that contain a text.
    pub(super) fn of(names: &TopicTable, text: &Finder<'_>) -> Self {
        let mut places = Vec::new();
        names.search(text, |place| places.push(place));
        let mut bits = vec![0; places.iter().map(|place| place.0 as usize / 64 + 1).max().unwrap_or_default()];
        places.iter().for_each(|place| bits[place.0 as usize / 64] |= 1_u64 << (place.0 % 64));
        Self { bits, places }
    }

    pub(super) fn contains(&self, place: TopicPlace) -> bool {
        self.bits.get(place.0 as usize / 64).is_some_and(|bits| bits & (1 << (place.0 % 64)) != 0)
    }
}
