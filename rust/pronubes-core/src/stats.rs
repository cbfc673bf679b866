//! Ledgers: every message is counted where its fate is decided.
//!
//! Source: received = matched + unrouted + rejected. Route: matched + forked = passed + filtered + absorbed +
//! in hooks + quarantined + rejected, where `forked` is what `explode` in front of a hook adds (one message then waits as several), and
//! what leaves a stateful step because time has come. Sink:
//! `emitted` is the router's side of its ledger.

use serde::Serialize;

use crate::Reason;
use crate::contract::ContractStats;

/// What a source sent and whether somebody wanted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceStats {
    /// Messages given to the router.
    pub received: u64,
    /// Messages that at least one route took.
    pub matched: u64,
    /// Messages that no route took.
    pub unrouted: u64,
    /// Messages that cannot be routed.
    pub rejected: u64,
}

impl SourceStats {
    /// Whether every message is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.received == self.matched + self.unrouted + self.rejected
    }
}

/// What became of the messages of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteStats {
    /// Messages whose topic and source the route wants.
    pub matched: u64,
    /// What splitting messages in front of a hook added.
    pub forked: u64,
    /// Messages that left for the route's sinks.
    pub passed: u64,
    /// Messages that the condition, or a hook, sent away.
    pub filtered: u64,
    /// Messages that a stateful step kept to itself.
    pub absorbed: u64,
    /// Messages that wait in a hook.
    pub in_hooks: u64,
    /// Messages that were quarantined.
    pub quarantined: u64,
    /// Messages that a contract of mode `reject` threw away.
    pub rejected: u64,
    /// The quarantined and rejected ones by reason.
    pub reasons: Vec<(Reason, u64)>,
}

impl RouteStats {
    /// Whether every message is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let ends = self.passed + self.filtered + self.absorbed + self.in_hooks + self.quarantined + self.rejected;
        self.matched + self.forked == ends
    }

    /// Counts a quarantined message. The list of reasons grows only the first time that a reason occurs.
    pub(crate) fn count_quarantined(&mut self, reason: Reason) {
        self.quarantined += 1;
        self.count_reason(reason);
    }

    /// Counts a message that a contract threw away.
    pub(crate) fn count_rejected(&mut self, reason: Reason) {
        self.rejected += 1;
        self.count_reason(reason);
    }

    fn count_reason(&mut self, reason: Reason) {
        match self.reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.reasons.push((reason, 1)),
        }
    }
}

/// The ledgers of a router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterStats {
    /// By [`SourceId`](crate::SourceId).
    pub sources: Vec<SourceStats>,
    /// By [`RouteId`](crate::RouteId).
    pub routes: Vec<RouteStats>,
    /// Messages emitted, by [`SinkId`](crate::SinkId).
    pub emitted: Vec<u64>,
    /// What contracts found, in the order of the specification.
    pub contracts: Vec<ContractStats>,
}

impl RouterStats {
    /// Whether every ledger adds up; anything else is a defect.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.sources.iter().all(SourceStats::is_balanced) && self.routes.iter().all(RouteStats::is_balanced)
    }
}
