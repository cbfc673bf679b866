//! A step with the states of its keys.
//!
//! The plan has a [`Step`], the router a [`Store`] for it. Both are boxed: a message at a stateful step costs one indirect call beside a
//! trip to memory, and a new step is its own file and a row in the registry, nothing here.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::keys::Keys;
use super::known::Known;
use super::{Arrival, By, Emissions, Fingerprint, Keyed, Name, Took};
use crate::matcher::TopicSlot;
use crate::payload::{SlotId, Span};
use crate::{Reason, SourceId};

/// A stateful step of a plan.
pub(crate) trait Step: Debug + Send + Sync {
    /// The slots that it reads.
    fn slots(&self) -> Vec<SlotId>;

    /// Whether what leaves has other fields than what came.
    fn reshapes(&self) -> bool;

    /// A store without keys.
    fn store(self: Arc<Self>, max_keys: usize) -> Box<dyn Store>;
}

impl<K: Keyed> Step for K {
    fn slots(&self) -> Vec<SlotId> {
        self.fields().iter().map(|field| field.slot).collect()
    }

    fn reshapes(&self) -> bool {
        K::RESHAPES
    }

    fn store(self: Arc<Self>, max_keys: usize) -> Box<dyn Store> {
        Box::new(Kept { step: self, keys: Keys::default(), known: Known::default(), max_keys, idle: None })
    }
}

/// The key of a message, and how it is called should something leave for it later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) by: &'a By,
    pub(crate) captures: &'a [Span],
    /// The number of the topic, where it has one.
    pub(crate) number: Option<TopicSlot>,
    pub(crate) source: SourceId,
    pub(crate) topic: &'a str,
    pub(crate) member: Option<&'a str>,
    pub(crate) new_topic: Option<&'a str>,
}

impl Key<'_> {
    fn fingerprint(&self) -> Fingerprint {
        match self.by {
            By::Topic => {
                let parts = [Some(self.topic), self.member, self.new_topic];
                Fingerprint::of(parts.into_iter().flatten().map(str::as_bytes))
            }
            By::Captures(captures) => {
                let part =
                    |capture: &usize| self.captures.get(*capture).map_or("", |span| span.of_str(self.topic)).as_bytes();
                Fingerprint::of(captures.iter().map(part))
            }
        }
    }

    /// The number of the topic, where the key is the same for all of its messages.
    #[inline]
    fn topic_number(&self) -> Option<TopicSlot> {
        let is_of_topic = self.member.is_none() && self.new_topic.is_none();
        self.number.filter(|_| is_of_topic || matches!(self.by, By::Captures(_)))
    }

    fn name(&self) -> Name {
        let Self { source, topic, member, new_topic, .. } = *self;
        Name { source, topic: topic.into(), member: member.map(Into::into), new_topic: new_topic.map(Into::into) }
    }
}

/// What is remembered for one step.
pub(crate) trait Store: Debug + Send {
    /// A message of a key; nothing when there is no room for a key that is new.
    fn take(&mut self, key: &Key<'_>, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Option<Result<Took, Reason>>;

    /// What [`Store::take`] would do; nothing is remembered.
    fn peek(&self, key: &Key<'_>, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Option<Result<Took, Reason>>;

    /// When [`Store::due`] is to be called.
    fn next_deadline(&self) -> Option<i64>;

    /// The next key for which time has come, with what leaves for it; perhaps nothing does.
    fn due(&mut self, now_ns: i64, out: &mut Emissions) -> Option<&Name>;

    /// How many keys there are.
    fn len(&self) -> usize;

    /// What they take, in bytes.
    fn bytes(&self) -> usize;

    /// Writes keys, the newest first, until `limit` bytes are written: those in front of `below`, or all where it is 0. Below which it is to
    /// go on. A key that is forgotten meanwhile gives its place to the newest: from behind, no key is missed for that.
    fn save(&self, below: usize, limit: usize, out: &mut Vec<u8>) -> Option<usize>;

    /// Reads what [`Store::save`] wrote: how many keys were taken, and how many were not.
    fn restore(&mut self, bytes: &[u8]) -> (usize, usize);

    /// Takes over the keys of the same step in an older plan.
    fn adopt(&mut self, older: Box<dyn Store>);

    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

#[derive(Debug)]
struct Kept<K: Keyed> {
    step: Arc<K>,
    keys: Keys<K::State>,
    /// Of steps that never forget a key: slots stay.
    known: Known,
    max_keys: usize,
    /// A key of which nothing was left to remember when its time had come.
    idle: Option<usize>,
}

impl<K: Keyed> Kept<K> {
    /// The slot of a key, which may be new; nothing when there is no room for it.
    fn look_up(&mut self, key: &Key<'_>, number: Option<TopicSlot>) -> Option<usize> {
        let fingerprint = key.fingerprint();
        let slot = match self.keys.find(fingerprint) {
            Some(slot) => slot,
            None if self.keys.len() >= self.max_keys => return None,
            None => self.keys.add(fingerprint, K::State::default(), K::IS_TIMED.then(|| key.name())),
        };
        if let Some(number) = number {
            self.known.put(number, slot, self.keys.len());
        }
        Some(slot)
    }

    fn arm(&mut self, slot: usize) {
        if K::IS_TIMED
            && let Some(deadline) = self.step.deadline(self.keys.state(slot))
        {
            self.keys.arm(slot, deadline);
        }
    }

    fn forget_idle(&mut self) {
        if let Some(slot) = self.idle.take()
            && slot < self.keys.len()
            && self.step.is_idle(self.keys.state(slot))
        {
            self.keys.forget(slot);
        }
    }

    fn restore_key(&mut self, bytes: &mut &[u8]) -> Option<bool> {
        let fingerprint = Fingerprint::from_bytes(*take_array::<16>(bytes)?);
        let name = if K::IS_TIMED { Some(read_name(bytes)?) } else { None };
        let length = u32::from_le_bytes(*take_array::<4>(bytes)?) as usize;
        let (state, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        let Some(state) = self.step.restore(state) else { return Some(false) };
        if self.keys.find(fingerprint).is_some() {
            return Some(true); // It was saved twice, as it moved.
        }
        if self.keys.len() >= self.max_keys {
            return Some(false);
        }
        let slot = self.keys.add(fingerprint, state, name);
        self.arm(slot);
        Some(true)
    }
}

impl<K: Keyed> Store for Kept<K> {
    #[inline]
    fn take(&mut self, key: &Key<'_>, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Option<Result<Took, Reason>> {
        let number = key.topic_number().filter(|_| !K::FORGETS);
        let slot = match number.and_then(|number| self.known.get(number)) {
            Some(slot) => slot,
            None => self.look_up(key, number)?,
        };
        let took = self.step.take(self.keys.state_mut(slot), arrival, out);
        self.arm(slot);
        Some(took)
    }

    fn peek(&self, key: &Key<'_>, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Option<Result<Took, Reason>> {
        let mut state = match self.keys.find(key.fingerprint()) {
            Some(slot) => self.keys.state(slot).clone(),
            None if self.keys.len() >= self.max_keys => return None,
            None => K::State::default(),
        };
        Some(self.step.take(&mut state, arrival, out))
    }

    fn next_deadline(&self) -> Option<i64> {
        self.keys.next_deadline()
    }

    fn due(&mut self, now_ns: i64, out: &mut Emissions) -> Option<&Name> {
        self.forget_idle();
        loop {
            let slot = self.keys.pop_due(now_ns)?;
            let deadline = self.step.deadline(self.keys.state(slot));
            if deadline.is_some_and(|deadline| deadline <= now_ns) {
                self.step.due(self.keys.state_mut(slot), now_ns, out);
                let is_idle = K::FORGETS && self.step.is_idle(self.keys.state(slot));
                self.idle = is_idle.then_some(slot);
                self.arm(slot);
                return self.keys.name(slot);
            }
            self.arm(slot);
        }
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn bytes(&self) -> usize {
        let heap: usize = self.keys.states().map(|state| self.step.heap_bytes(state)).sum();
        self.keys.bytes() + self.known.bytes() + heap
    }

    fn save(&self, below: usize, limit: usize, out: &mut Vec<u8>) -> Option<usize> {
        let end = if below == 0 { self.keys.len() } else { below.min(self.keys.len()) };
        for slot in (0..end).rev() {
            if out.len() >= limit {
                return Some(slot + 1);
            }
            out.extend_from_slice(&self.keys.fingerprint(slot).to_bytes());
            if let Some(name) = self.keys.name(slot) {
                write_name(name, out);
            }
            let length_at = out.len();
            out.extend_from_slice(&[0; 4]);
            self.step.save(self.keys.state(slot), out);
            let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
            out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        }
        None
    }

    fn restore(&mut self, mut bytes: &[u8]) -> (usize, usize) {
        let (before, mut refused) = (self.keys.len(), 0);
        while !bytes.is_empty() {
            match self.restore_key(&mut bytes) {
                Some(true) => {}
                Some(false) => refused += 1,
                None => {
                    refused += 1; // The rest cannot be read.
                    break;
                }
            }
        }
        (self.keys.len() - before, refused)
    }

    fn adopt(&mut self, older: Box<dyn Store>) {
        if let Ok(older) = older.into_any().downcast::<Self>() {
            self.keys = older.keys; // The router that takes over numbers its topics anew.
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn take_array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (array, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(array)
}

/// Topics are at most 65,535 bytes long (MQTT 5 §4.7.3-3); so are the keys of members that are known by one.
fn write_name(name: &Name, out: &mut Vec<u8>) {
    out.extend_from_slice(&name.source.0.to_le_bytes());
    for text in [Some(&name.topic), name.member.as_ref(), name.new_topic.as_ref()] {
        let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(text.map_or(&[][..], |text| text.as_bytes()));
    }
}

fn read_name(bytes: &mut &[u8]) -> Option<Name> {
    let source = SourceId(u16::from_le_bytes(*take_array::<2>(bytes)?));
    let mut text = || {
        let length = u32::from_le_bytes(*take_array::<4>(bytes)?);
        if length == u32::MAX {
            return Some(None);
        }
        let (text, rest) = bytes.split_at_checked(length as usize)?;
        *bytes = rest;
        Some(Some(Box::from(std::str::from_utf8(text).ok()?)))
    };
    let (topic, member, new_topic) = (text()??, text()?, text()?);
    Some(Name { source, topic, member, new_topic })
}
