//! What contracts found, with names instead of numbers, ready for JSON.

use serde::Serialize;

use super::ledger::{ContractStats, OFFENDERS};
use super::shape::Contract;
use crate::matcher::RouteId;
use crate::{Plan, RouterStats};

/// The ledger of a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ContractReport {
    /// Name and version.
    pub contract: String,
    /// What is done with messages that violate it.
    pub mode: &'static str,
    /// Messages judged.
    pub judged: u64,
    /// Messages that broke at least one rule.
    pub violated: u64,
    /// How often each rule was broken, in the order of the contract.
    pub rules: Vec<RuleReport>,
    /// The newest messages that broke a rule, the oldest of them first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offenders: Vec<OffenderReport>,
}

/// How often a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// The path of the field; empty for the payload as a whole.
    pub field: String,
    /// The reason code.
    pub rule: &'static str,
    /// How often.
    pub count: u64,
}

/// A message that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OffenderReport {
    /// The topic that it came with; its beginning, where it is long.
    pub topic: String,
    /// The route.
    pub route: String,
    /// `expect` or `contract`.
    pub role: &'static str,
    /// When it was received, nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// The first rule that it broke.
    pub reason: &'static str,
    /// The field of that rule.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
    /// The beginning of the payload that was judged, as text.
    pub payload: String,
    /// How long that payload is.
    pub payload_bytes: usize,
}

/// The ledgers of all contracts of a plan.
#[must_use]
pub fn reports(plan: &Plan, stats: &RouterStats) -> Vec<ContractReport> {
    plan.contracts().iter().zip(&stats.contracts).map(|(contract, stats)| report(plan, contract, stats)).collect()
}

fn report(plan: &Plan, contract: &Contract, stats: &ContractStats) -> ContractReport {
    let rules = stats.rule_counts().map(|rule| RuleReport {
        field: contract.field_name(rule.field).to_owned(),
        rule: rule.reason.code(),
        count: rule.count,
    });
    let offenders = stats.offenders.iter().map(|offender| OffenderReport {
        topic: offender.topic.clone(),
        route: plan.route_name(RouteId(offender.route)).to_owned(),
        role: offender.role.name(),
        received_ns: offender.received_ns,
        reason: offender.violation.reason.code(),
        field: offender.violation.field.clone(),
        found: offender.violation.found.clone(),
        expected: offender.violation.expected.clone(),
        payload: String::from_utf8_lossy(&offender.payload).into_owned(),
        payload_bytes: offender.payload_bytes,
    });
    ContractReport {
        contract: contract.id().to_owned(),
        mode: contract.mode().name(),
        judged: stats.judged,
        violated: stats.violated,
        rules: rules.collect(),
        offenders: offenders.collect(),
    }
}

impl ContractReport {
    /// Adds what an earlier plan counted for the same contract.
    pub fn add_earlier(&mut self, earlier: &Self) {
        self.judged += earlier.judged;
        self.violated += earlier.violated;
        for rule in &earlier.rules {
            match self.rules.iter_mut().find(|known| known.field == rule.field && known.rule == rule.rule) {
                Some(known) => known.count += rule.count,
                None => self.rules.push(rule.clone()),
            }
        }
        let room = OFFENDERS.saturating_sub(self.offenders.len());
        let newest = earlier.offenders.len().saturating_sub(room);
        self.offenders.splice(0..0, earlier.offenders.iter().skip(newest).cloned());
    }
}
