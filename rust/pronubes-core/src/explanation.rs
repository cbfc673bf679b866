//! What [`Router::explain`](crate::Router::explain) says, ready for JSON.

use serde::Serialize;

/// What every route does with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The name of the source.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// The payload, as text; one that is no text as hexadecimal digits behind `0x`.
    pub payload: String,
    /// The reason code, where the message cannot be routed at all.
    pub rejected: Option<&'static str>,
    /// Whether at least one route took it.
    pub is_taken: bool,
    /// The routes that match the topic, in the order in which they run.
    pub routes: Vec<RouteSeen>,
    /// Routes that do not match, the nearest first; not all of them.
    pub near_misses: Vec<NearMiss>,
}

/// What a route does with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteSeen {
    /// Its name.
    pub route: String,
    /// Its filter; none takes every topic.
    pub filter: Option<String>,
    /// Its captures.
    pub captures: Vec<Captured>,
    /// Its condition, where it has one and got there.
    pub condition: Option<ConditionSeen>,
    /// Its steps in the order in which they ran; those behind an `explode` once per member.
    pub steps: Vec<StepSeen>,
    /// The contracts that were judged, in that order; behind an `explode` once per member.
    pub verdicts: Vec<VerdictSeen>,
    /// What left.
    pub emitted: Vec<EmissionSeen>,
    /// How many steps and emissions are not shown.
    pub not_shown: usize,
    /// The hook that goes on.
    pub hook: Option<String>,
    /// The step that calls it.
    pub hook_step: Option<u16>,
    /// The stateful step that would keep the message to itself.
    pub absorbed_at: Option<u16>,
    /// Why the message was quarantined.
    pub quarantine: Option<QuarantineSeen>,
    /// `passed`, `filtered`, `absorbed`, `hook`, `quarantined`, `rejected` or `skipped`.
    pub fate: &'static str,
    /// Why the route did not get to see the message.
    pub skipped: Option<String>,
    /// Whether no later route sees what this one takes.
    pub is_final: bool,
}

/// A capture and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Captured {
    /// Its name.
    pub name: String,
    /// The level or levels that it holds.
    pub value: String,
}

/// The condition of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConditionSeen {
    /// As it was written.
    pub text: String,
    /// Its value, where it has one.
    pub holds: Option<bool>,
    /// The reason code, where it has none.
    pub reason: Option<&'static str>,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepSeen {
    /// Its position in the route, from 0.
    pub step: u16,
    /// The member's key, behind an `explode`.
    pub key: Option<String>,
    /// Whether its condition held; without condition true.
    pub held: bool,
    /// The payload as the step found it.
    pub input: String,
    /// The payload as it left it; none where it failed.
    pub output: Option<String>,
    /// The row that it took, where it looks up a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<RowSeen>,
}

/// The row of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowSeen {
    /// The name of the table.
    pub table: String,
    /// The line of the row in its file; none where the table has no such key.
    pub line: Option<u32>,
}

/// What a contract says about a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerdictSeen {
    /// `expect` (judged before the steps) or `contract` (behind them).
    pub role: &'static str,
    /// Name and version.
    pub contract: String,
    /// What is done with a message that violates it.
    pub mode: &'static str,
    /// The member's key, behind an `explode`.
    pub key: Option<String>,
    /// What is wrong; nothing for a good payload.
    pub violations: Vec<ViolationSeen>,
}

/// A rule that a payload breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ViolationSeen {
    /// The reason code.
    pub reason: &'static str,
    /// The path of the field; empty for the payload as a whole.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

/// A message that left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EmissionSeen {
    /// The sink.
    pub sink: String,
    /// The topic.
    pub topic: String,
    /// The payload, as text.
    pub payload: String,
    /// The branch of the namespace that permits the name.
    pub branch: Option<String>,
    /// Who answers for the branch.
    pub owner: Option<String>,
    /// Who else publishes under the name now, so that this message would be refused.
    pub taken_by: Option<String>,
}

/// Why a message was quarantined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuarantineSeen {
    /// The step, where it was one.
    pub step: Option<u16>,
    /// The reason code.
    pub reason: &'static str,
    /// What happened.
    pub text: &'static str,
    /// What to do.
    pub action: &'static str,
    /// More about it.
    pub detail: String,
}

/// A route whose filter does not match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// Its name.
    pub route: String,
    /// Its filter.
    pub filter: String,
    /// The level, from 1, at which filter and topic part.
    pub level: usize,
    /// What the filter has there; empty when it has ended.
    pub expected: String,
    /// What the topic has there; none when it has ended.
    pub found: Option<String>,
}
