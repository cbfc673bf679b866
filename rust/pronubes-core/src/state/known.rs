//! Where the keys of topics lie.
//!
//! A key that consists of parts of the topic is the same for each message of the topic, and the router knows its topics by number. So a
//! step remembers the slot of the key beside the number of the topic: no hash of the topic, and one trip to memory instead of three where
//! there are a million of them. What is not here is looked for in the index; nothing depends on being here.

use crate::matcher::TopicSlot;

/// A direct-mapped memory of pairs, with as many places as there are keys, rounded up to a power of two.
#[derive(Debug, Default)]
pub(super) struct Known {
    places: Vec<Pair>,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    topic: u32,
    slot: u32,
}

const NOTHING: Pair = Pair { topic: u32::MAX, slot: u32::MAX };

const FIRST_PLACES: usize = 64;

impl Known {
    /// The slot of a topic's key.
    #[inline]
    pub(super) fn get(&self, topic: TopicSlot) -> Option<usize> {
        let pair = self.places.get(topic.0 as usize & self.places.len().wrapping_sub(1))?;
        (pair.topic == topic.0 && pair.topic != NOTHING.topic).then_some(pair.slot as usize)
    }

    /// Notes the slot of a topic's key, of `keys` that there are.
    pub(super) fn put(&mut self, topic: TopicSlot, slot: usize, keys: usize) {
        if keys > self.places.len() {
            // What was noted is noted again when it is looked for.
            self.places = vec![NOTHING; keys.next_power_of_two().max(FIRST_PLACES)];
        }
        let place = topic.0 as usize & (self.places.len() - 1);
        self.places[place] = Pair { topic: topic.0, slot: u32::try_from(slot).unwrap_or(u32::MAX) };
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Pair>()
    }
}

#[cfg(test)]
mod tests {
    use super::Known;
    use crate::matcher::TopicSlot;

    #[test]
    fn the_newest_of_a_place_is_known_and_no_other() {
        let mut known = Known::default();
        assert_eq!(known.get(TopicSlot(0)), None);
        known.put(TopicSlot(3), 7, 1);
        assert_eq!((known.get(TopicSlot(3)), known.get(TopicSlot(67))), (Some(7), None));
        known.put(TopicSlot(67), 8, 2);
        assert_eq!((known.get(TopicSlot(3)), known.get(TopicSlot(67))), (None, Some(8)));
    }

    #[test]
    fn it_grows_with_the_keys() {
        let mut known = Known::default();
        for topic in 0..1_000_u32 {
            known.put(TopicSlot(topic), topic as usize, topic as usize + 1);
        }
        assert_eq!(known.bytes(), 1_024 * 8);
        assert_eq!(known.get(TopicSlot(999)), Some(999));
    }
}
