//! The specification: what the configuration becomes on its way into the engine.
//!
//! Python reads and checks the YAML and hands this over as JSON. Names are still names here; [`Plan::compile`](crate::Plan::compile)
//! resolves them and reports everything that is wrong with a path into the configuration. Maps keep the order in which
//! they were written, because fields that a step appends come out in that order.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::catalog::{DEFAULT_CATALOG_BYTES, DEFAULT_PAYLOAD_BYTES};
use crate::contract::ContractSpec;
use crate::matcher::DEFAULT_MAX_LEVELS;
use crate::record::ShapeSpec;

/// Everything that the router needs to know.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterSpec {
    /// Variables: scalars that expressions read as `vars.name`.
    #[serde(default)]
    pub vars: Ordered<serde_json::Value>,
    /// Names of the sources; their positions are the [`SourceId`](crate::SourceId)s.
    #[serde(default)]
    pub sources: Vec<String>,
    /// By source, the shape in which it hands in what it reads; `reading` where nothing is said.
    #[serde(default)]
    pub shapes: Ordered<ShapeSpec>,
    /// Names of the sinks; their positions are the [`SinkId`](crate::SinkId)s.
    #[serde(default)]
    pub sinks: Vec<String>,
    /// Hooks as `module:function`; their positions are the [`HookId`](crate::HookId)s.
    #[serde(default)]
    pub hooks: Vec<String>,
    /// Bounds on what messages may be.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Which names there may be; none permits all.
    #[serde(default)]
    pub namespace: Option<NamespaceSpec>,
    /// The catalogue of names; none keeps none, unless there is a namespace.
    #[serde(default)]
    pub catalog: Option<CatalogSpec>,
    /// What the units of `convert` steps make of each other.
    #[serde(default)]
    pub conversions: Vec<ConversionSpec>,
    /// Tables that `lookup` steps read; their rows come apart from the specification.
    #[serde(default)]
    pub tables: Vec<TableSpec>,
    /// Schemas that codecs name: descriptor sets as base64.
    #[serde(default)]
    pub schemas: Ordered<String>,
    /// Contracts; routes name them as `measurement@1`.
    #[serde(default)]
    pub contracts: Vec<ContractSpec>,
    /// By source, the contracts that its names have: contract, then topics. Routes with `contract_from_names` judge by them.
    #[serde(default)]
    pub named_contracts: Ordered<Ordered<Vec<String>>>,
    /// The routes, in the order of the file.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
}

/// Bounds on messages and on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSpec {
    /// How deep objects and arrays may nest.
    pub depth: usize,
    /// How many members one object or array may have.
    pub keys: usize,
    /// How long one string may be.
    pub text_bytes: usize,
    /// How long one payload may be.
    pub payload_bytes: usize,
    /// How many levels a topic may have.
    pub topic_levels: usize,
    /// What the table of resolved topics may take.
    pub topic_table_bytes: usize,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            depth: 64,
            keys: 10_000,
            text_bytes: 256 << 10,
            payload_bytes: 1 << 20,
            topic_levels: DEFAULT_MAX_LEVELS,
            topic_table_bytes: 256 << 20,
        }
    }
}

/// The catalogue of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogSpec {
    /// What it may take.
    pub bytes: usize,
    /// Payloads longer than this are not kept.
    pub payload_bytes: usize,
}

impl Default for CatalogSpec {
    fn default() -> Self {
        Self { bytes: DEFAULT_CATALOG_BYTES, payload_bytes: DEFAULT_PAYLOAD_BYTES }
    }
}

/// Which names there may be, and who may publish under them.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamespaceSpec {
    /// The levels of a name, in their order.
    pub levels: Vec<LevelSpec>,
    /// What becomes of names that break the patterns.
    pub illegal: IllegalNames,
    /// Whether messages of several origins may leave under one name.
    pub several_publishers: bool,
    /// The branches; a name that none covers is denied.
    pub branches: Vec<BranchSpec>,
}

/// A level of the namespace.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelSpec {
    /// What it is called.
    pub name: String,
    /// How often it stands in a name.
    #[serde(default)]
    pub kind: LevelKind,
    /// A regular expression that the whole level fits.
    pub pattern: String,
    /// The case of its letters; none permits both.
    #[serde(default)]
    pub case: Option<Case>,
}

/// How often a level stands in a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelKind {
    /// Once.
    #[default]
    One,
    /// Once or not at all.
    Optional,
    /// Once or more often.
    Many,
}

/// The case of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// Small letters only.
    Lower,
}

/// What becomes of names that break the patterns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IllegalNames {
    /// Their messages are quarantined.
    #[default]
    Refuse,
    /// Their illegal characters are escaped.
    Escape,
}

/// A branch of the namespace: its filter and all below.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BranchSpec {
    /// An MQTT filter.
    pub filter: String,
    /// What the filter covers: `subtree`, itself and all below, and nothing else.
    pub covers: Covers,
    /// Whether its names need not fit the levels.
    pub free: bool,
    /// Routes, sources as `source:NAME`, or `*`.
    pub publish: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What the filter of a branch covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// What it matches and all below.
    #[default]
    Subtree,
}

/// How a number of one unit becomes one of another. Units are worked out by whoever writes the specification; the engine knows none.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversionSpec {
    /// The unit that the number has.
    pub from: String,
    /// The unit that it gets.
    pub to: String,
    /// What both measure: exponents of metre, kilogram, second, ampere, kelvin, mole and candela.
    #[serde(default)]
    pub dimension: Option<[i32; 7]>,
    /// `(a * value + b) / c`: three integers of at most 53 bits, `c` above 0.
    #[serde(default)]
    pub ratio: Option<[i64; 3]>,
    /// `factor * value + offset`, where there is no such ratio: each a double, and what that double leaves.
    #[serde(default)]
    pub linear: Option<LinearSpec>,
}

/// A table that `lookup` steps read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Its name.
    pub name: String,
    /// The columns that its rows have here, the key not among them unless it is a value too.
    pub columns: Vec<String>,
}

/// The rows of a table.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsSpec {
    /// The columns, the same as in the specification.
    pub columns: Vec<String>,
    /// The key of each row; integers by their digits.
    pub keys: Vec<String>,
    /// Where each row stands in its file, for people.
    pub lines: Vec<u32>,
    /// The values of each row, in the order of the columns: texts, numbers, truth values and nulls.
    pub values: Vec<Vec<serde_json::Value>>,
}

/// A line, with more digits than doubles have.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSpec {
    /// The factor.
    pub factor: [f64; 2],
    /// The offset.
    pub offset: [f64; 2],
}

/// One route.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteSpec {
    /// Its name.
    pub name: String,
    /// Variables of this route alone, beside those of the specification and before them: what a table says about one machine.
    /// Routes with the same text and the same values share their stages.
    pub vars: Ordered<serde_json::Value>,
    /// The sources that it takes from; none means every source.
    pub from: Option<Vec<String>>,
    /// Which topics it takes; none means every topic.
    pub filter: Option<String>,
    /// Whether it takes what no other route took.
    pub otherwise: bool,
    /// Whether no later route sees what this one takes.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The condition on the original message.
    #[serde(rename = "where")]
    pub condition: Option<String>,
    /// What the original payload must look like: a contract, judged behind the condition and before the steps.
    pub expect: Option<String>,
    /// What is done to the payload, in order.
    pub steps: Vec<StepSpec>,
    /// What the payload that leaves must look like: a contract, judged behind the steps.
    pub contract: Option<String>,
    /// Whether the topic as it came says which contract the payload that leaves must keep; one that says none is not judged.
    pub contract_from_names: bool,
    /// The name under which messages leave; none keeps the name.
    pub topic: Option<String>,
    /// Where messages go.
    pub to: Vec<TargetSpec>,
}

/// One sink of a route.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetSpec {
    /// The sink.
    pub sink: String,
    /// The name for this sink, in place of the route's.
    pub topic: Option<String>,
    /// Whether the sink's broker is to retain the message; none means no.
    pub retain: Option<bool>,
    /// Quality of service; none leaves it to the sink.
    pub qos: Option<u8>,
}

/// One step: an object with one verb, and perhaps `where` and `from_scalar` beside it.
#[derive(Clone, Debug, Default)]
pub struct StepSpec {
    /// The condition on the payload as the step before left it.
    pub condition: Option<String>,
    /// Whether a payload that is a bare scalar counts as `{"value": ...}` on this route.
    pub from_scalar: bool,
    /// The verb and its arguments as JSON. Exactly one is right; the compiler reports any other number.
    pub verbs: Vec<(String, Box<RawValue>)>,
}

impl<'de> Deserialize<'de> for StepSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepVisitor;
        impl<'de> Visitor<'de> for StepVisitor {
            type Value = StepSpec;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a step: an object with one verb")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StepSpec, A::Error> {
                let mut step = StepSpec::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "where" => step.condition = map.next_value()?,
                        "from_scalar" => step.from_scalar = map.next_value()?,
                        _ => step.verbs.push((key, map.next_value()?)),
                    }
                }
                Ok(step)
            }
        }
        deserializer.deserialize_map(StepVisitor)
    }
}

/// A map in the order in which it was written, doubles included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderedVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OrderedVisitor<T> {
            type Value = Ordered<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_keep_the_order_of_their_maps() {
        let text = r#"{"name":"r","steps":[{"rename":{"b":"x","a":"y"},"where":"true","from_scalar":true}]}"#;
        let route: RouteSpec = serde_json::from_str(text).unwrap();
        let step = &route.steps[0];
        let renames: Ordered<String> = serde_json::from_str(step.verbs[0].1.get()).unwrap();
        assert_eq!((step.condition.as_deref(), step.from_scalar), (Some("true"), true));
        assert_eq!(step.verbs[0].0, "rename");
        assert_eq!(renames.0, [("b".to_owned(), "x".to_owned()), ("a".to_owned(), "y".to_owned())]);
    }

    #[test]
    fn unknown_keys_of_a_route_are_refused() {
        assert!(serde_json::from_str::<RouteSpec>(r#"{"name":"r","filtre":"a"}"#).is_err());
    }
}
