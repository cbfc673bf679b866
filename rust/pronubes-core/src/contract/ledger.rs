//! What was judged, what was violated by which rule, and a bounded sample of the offenders.

use std::collections::{BTreeMap, VecDeque};

use super::verdict::{Flaw, Violation};
use crate::Reason;

/// How many offenders a contract keeps: the newest.
pub const OFFENDERS: usize = 8;
/// How much of an offender's payload, and of its topic, is kept.
pub const OFFENDER_BYTES: usize = 512;

/// The ledger of a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractStats {
    /// Messages judged.
    pub judged: u64,
    /// Messages that broke at least one rule.
    pub violated: u64,
    /// How often each rule was broken, by field and reason.
    pub rules: BTreeMap<(u32, Reason), u64>,
    /// The newest messages that broke a rule, the oldest of them first.
    pub offenders: VecDeque<Offender>,
}

/// How often a rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The field; [`Contract::field_name`](super::Contract::field_name) has its path.
    pub field: u32,
    /// The rule.
    pub reason: Reason,
    /// How often.
    pub count: u64,
}

/// Whether a contract is what a route expects or what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `expect`: judged before the steps.
    Expect,
    /// `contract`: judged behind them.
    Contract,
}

impl Role {
    /// As it is written in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expect => "expect",
            Self::Contract => "contract",
        }
    }
}

/// A message that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offender {
    /// The route, by its number in the plan.
    pub route: u32,
    /// Whether the route expected or promised the contract.
    pub role: Role,
    /// The topic that it came with; its beginning, where it is long.
    pub topic: String,
    /// When it was received, nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// The first rule that it broke.
    pub violation: Violation,
    /// The beginning of the payload that was judged.
    pub payload: Vec<u8>,
    /// How long that payload is.
    pub payload_bytes: usize,
}

impl ContractStats {
    /// Counts the rules that a message broke.
    #[cold]
    pub(crate) fn count(&mut self, flaws: &[Flaw]) {
        self.violated += 1;
        for flaw in flaws {
            *self.rules.entry((flaw.field, flaw.reason)).or_default() += 1;
        }
    }

    /// Keeps a message in the sample.
    #[cold]
    pub(crate) fn keep(&mut self, mut offender: Offender) {
        if self.offenders.len() >= OFFENDERS {
            self.offenders.pop_front();
        }
        offender.payload.shrink_to_fit();
        self.offenders.push_back(offender);
    }

    /// How often each rule was broken, in the order of the contract.
    pub fn rule_counts(&self) -> impl Iterator<Item = RuleCount> {
        self.rules.iter().map(|((field, reason), count)| RuleCount { field: *field, reason: *reason, count: *count })
    }
}

impl Offender {
    /// The beginning of a payload.
    pub(crate) fn sample(payload: &[u8]) -> Vec<u8> {
        payload.get(..OFFENDER_BYTES).unwrap_or(payload).to_vec()
    }

    /// The beginning of a topic, on whole characters.
    pub(crate) fn topic_sample(topic: &str) -> String {
        let end = (0..=topic.len().min(OFFENDER_BYTES)).rev().find(|end| topic.is_char_boundary(*end));
        topic.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
    }
}
