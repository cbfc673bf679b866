//! Which filters the caller wants, which the broker holds, and the requests under way between the two.
//!
//! Places left: QoS 2 (refused in [`refusal`]), shared subscriptions (refused there too; the codec and the limits know them).

use super::config::{Limits, Subscription};
use super::event::Event;
use super::inflight::LAST_PUBLISH_ID;
use crate::codec::{FilterOptions, Filters, Packet, Properties, Subscribe, Unsubscribe, put_filter, text};
use crate::error::ProtocolError;
use crate::protocol::{QoS, Version};
use crate::reason::Reason;
use std::collections::{HashMap, HashSet};

/// Filters are asked for in packets of about this size, so that no broker's buffer is overrun by one packet.
const REQUEST_BYTES: usize = 32 * 1024;
/// Room for fixed header, packet id and property length.
const REQUEST_OVERHEAD: usize = 8;

enum Asked {
    Subscribe(Vec<(usize, Subscription)>),
    Unsubscribe(Vec<String>),
}

struct Request {
    packet_id: u16,
    asked: Asked,
    deadline: u64,
}

/// What one connection offers to send requests with.
pub(super) struct Line<'a> {
    pub(super) version: Version,
    pub(super) limits: &'a Limits,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) deadline: u64,
}

pub(super) struct Subscriptions {
    wanted: Vec<Subscription>,
    /// What the broker confirmed in the stored session, by filter.
    held: HashMap<String, Subscription>,
    /// What an earlier run may have left in the stored session.
    stale: Vec<String>,
    requests: Vec<Request>,
    /// Counts the requests of all connections; packet ids are taken from it.
    request_count: u16,
}

impl Subscriptions {
    pub(super) fn new(wanted: Vec<Subscription>, stale: Vec<String>) -> Self {
        Self { wanted, held: HashMap::new(), stale, requests: Vec::new(), request_count: 0 }
    }

    pub(super) fn set_wanted(&mut self, wanted: Vec<Subscription>) {
        self.wanted = wanted;
    }

    pub(super) fn disconnected(&mut self) {
        self.requests.clear();
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.requests.iter().map(|request| request.deadline).min()
    }

    /// CONNACK arrived. Without a stored session the broker holds nothing.
    pub(super) fn connected(
        &mut self,
        session_present: bool,
        line: &mut Line<'_>,
        handler: &mut impl FnMut(Event<'_>),
    ) {
        self.requests.clear();
        if !session_present {
            self.held.clear();
            self.stale.clear();
        }
        self.reconcile(line, handler);
    }

    /// Asks for what is wanted and not held, and gives back what is held and not wanted.
    pub(super) fn reconcile(&mut self, line: &mut Line<'_>, handler: &mut impl FnMut(Event<'_>)) {
        let wanted: HashSet<&str> = self.wanted.iter().map(|subscription| subscription.filter.as_str()).collect();
        let under_way = self.requests.iter().filter_map(|request| match &request.asked {
            Asked::Subscribe(asked) => Some(asked.iter().map(|(_, subscription)| subscription.filter.as_str())),
            Asked::Unsubscribe(_) => None,
        });
        let known = self
            .held
            .keys()
            .map(String::as_str)
            .chain(under_way.flatten())
            .chain(self.stale.iter().map(String::as_str));
        let mut unwanted: Vec<String> = known.filter(|filter| !wanted.contains(filter)).map(str::to_owned).collect();
        unwanted.sort_unstable();
        unwanted.dedup();
        let mut missing = Vec::new();
        for (index, subscription) in self.wanted.iter().enumerate() {
            if self.held.get(&subscription.filter) == Some(subscription) {
                continue;
            }
            match refusal(subscription, line.limits) {
                Some(reason) => handler(Event::SubscribeRefused { index, filter: &subscription.filter, reason }),
                None => missing.push((index, subscription.clone())),
            }
        }
        self.stale.clear();
        self.unsubscribe(unwanted, line);
        self.subscribe(missing, line);
    }

    fn subscribe(&mut self, missing: Vec<(usize, Subscription)>, line: &mut Line<'_>) {
        let mut groups = Groups::new(line.limits);
        for (index, subscription) in missing {
            let filter_size = subscription.filter.len() + 3;
            let group = groups.for_size(filter_size);
            put_filter(subscription.filter.as_bytes(), Some(options(&subscription)), line.version, &mut group.bytes);
            group.items.push((index, subscription));
        }
        for Group { bytes, items } in groups.full {
            let packet_id = self.next_id();
            if let Ok(filters) = Filters::check(&bytes, true, line.version) {
                let packet = Packet::Subscribe(Subscribe { packet_id, properties: Properties::default(), filters });
                packet.encode(line.version, line.out);
                self.requests.push(Request { packet_id, asked: Asked::Subscribe(items), deadline: line.deadline });
            }
        }
    }

    fn unsubscribe(&mut self, unwanted: Vec<String>, line: &mut Line<'_>) {
        let mut groups = Groups::new(line.limits);
        for filter in unwanted.into_iter().filter(|filter| text::check_filter(filter.as_bytes()).is_ok()) {
            self.held.remove(&filter);
            let group = groups.for_size(filter.len() + 2);
            put_filter(filter.as_bytes(), None, line.version, &mut group.bytes);
            group.items.push(filter);
        }
        for Group { bytes, items } in groups.full {
            let packet_id = self.next_id();
            if let Ok(filters) = Filters::check(&bytes, false, line.version) {
                let packet = Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::default(), filters });
                packet.encode(line.version, line.out);
                self.requests.push(Request { packet_id, asked: Asked::Unsubscribe(items), deadline: line.deadline });
            }
        }
    }

    /// The next id above those of messages. (A list of filters needs far fewer requests than there are ids.)
    fn next_id(&mut self) -> u16 {
        self.request_count = (self.request_count + 1) % (u16::MAX - LAST_PUBLISH_ID);
        LAST_PUBLISH_ID + 1 + self.request_count
    }

    fn take(&mut self, packet_id: u16, is_subscribe: bool) -> Result<Asked, ProtocolError> {
        let matches = |request: &Request| {
            request.packet_id == packet_id && matches!(request.asked, Asked::Subscribe(_)) == is_subscribe
        };
        let at = self.requests.iter().position(matches).ok_or(ProtocolError::UnknownPacketId)?;
        Ok(self.requests.remove(at).asked)
    }

    /// SUBACK.
    pub(super) fn granted(
        &mut self,
        packet_id: u16,
        codes: &[u8],
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ProtocolError> {
        let Asked::Subscribe(asked) = self.take(packet_id, true)? else { return Err(ProtocolError::UnknownPacketId) };
        if asked.len() != codes.len() {
            return Err(ProtocolError::SubackCount);
        }
        for ((index, subscription), code) in asked.into_iter().zip(codes) {
            // The list may have changed since: an answer to what is no longer wanted is noted, not reported.
            let is_wanted = self.wanted.get(index) == Some(&subscription);
            match QoS::from_bits(*code) {
                Some(qos) if qos > subscription.qos => return Err(ProtocolError::GrantedTooMuch),
                Some(qos) if is_wanted => {
                    handler(Event::Subscribed { index, qos });
                    self.held.insert(subscription.filter.clone(), subscription);
                }
                None if is_wanted => {
                    let reason =
                        Reason::for_carrier(*code, crate::reason::Carrier::SUBACK).unwrap_or(Reason::UNSPECIFIED_ERROR);
                    handler(Event::SubscribeRefused { index, filter: &subscription.filter, reason });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// UNSUBACK.
    pub(super) fn removed(
        &mut self,
        packet_id: u16,
        codes: &[u8],
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ProtocolError> {
        let Asked::Unsubscribe(filters) = self.take(packet_id, false)? else {
            return Err(ProtocolError::UnknownPacketId);
        };
        if !codes.is_empty() && codes.len() != filters.len() {
            return Err(ProtocolError::SubackCount);
        }
        for (at, filter) in filters.iter().enumerate() {
            let code = codes.get(at).copied().unwrap_or(0);
            let reason =
                Reason::for_carrier(code, crate::reason::Carrier::UNSUBACK).unwrap_or(Reason::UNSPECIFIED_ERROR);
            handler(Event::Unsubscribed { filter, reason });
        }
        Ok(())
    }
}

/// Filters of one request packet, encoded, with what they belong to.
struct Group<T> {
    bytes: Vec<u8>,
    items: Vec<T>,
}

/// Splits filters into packets that the broker accepts.
struct Groups<T> {
    full: Vec<Group<T>>,
    limit: usize,
}

impl<T> Groups<T> {
    fn new(limits: &Limits) -> Self {
        Self {
            full: Vec::new(),
            limit: REQUEST_BYTES.min(limits.maximum_packet_size as usize).saturating_sub(REQUEST_OVERHEAD),
        }
    }

    fn for_size(&mut self, size: usize) -> &mut Group<T> {
        if self.full.last().is_none_or(|group| group.bytes.len() + size > self.limit) {
            self.full.push(Group { bytes: Vec::new(), items: Vec::new() });
        }
        let last = self.full.len() - 1;
        &mut self.full[last]
    }
}

fn options(subscription: &Subscription) -> FilterOptions {
    FilterOptions {
        qos: subscription.qos,
        no_local: subscription.no_local,
        retain_as_published: subscription.retain_as_published,
        retain_handling: subscription.retain_handling as u8,
    }
}

/// Why a subscription cannot even be asked for.
fn refusal(subscription: &Subscription, limits: &Limits) -> Option<Reason> {
    let filter = subscription.filter.as_bytes();
    if text::check_filter(filter).is_err() {
        Some(Reason::TOPIC_FILTER_INVALID)
    } else if subscription.qos == QoS::ExactlyOnce {
        Some(Reason::QOS_NOT_SUPPORTED)
    } else if filter.starts_with(b"$share/") {
        Some(Reason::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED)
    } else if !limits.wildcards_available && memchr::memchr2(b'+', b'#', filter).is_some() {
        Some(Reason::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED)
    } else if filter.len() + 3 + REQUEST_OVERHEAD > limits.maximum_packet_size as usize {
        Some(Reason::PACKET_TOO_LARGE)
    } else {
        None
    }
}
