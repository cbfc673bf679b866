//! The specification of a contract: what a contract file becomes on its way into the engine.

use serde::Deserialize;
use serde_json::{Number, Value};

/// A contract, one version of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractSpec {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// What is done with a message that violates it.
    #[serde(default)]
    pub mode: Mode,
    /// How mode `annotate` marks a message.
    #[serde(default)]
    pub annotate: AnnotateSpec,
    /// What fields that the contract does not name are.
    #[serde(default)]
    pub extra: Extra,
    /// What the payload is, where it is a bare value; then there are no fields.
    #[serde(default)]
    pub scalar: Option<FieldSpec>,
    /// The fields, in the order of the file.
    #[serde(default)]
    pub fields: Vec<FieldSpec>,
    /// Where the quality stands and what its codes mean.
    #[serde(default)]
    pub quality: Option<QualitySpec>,
}

impl ContractSpec {
    /// Name and version: `measurement@1`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// What is done with a message that violates a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is counted and goes on as it is.
    Observe,
    /// It is counted, marked and goes on.
    Annotate,
    /// It goes into the quarantine.
    #[default]
    Quarantine,
    /// It is thrown away, and counted.
    Reject,
}

impl Mode {
    /// As it is written in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Annotate => "annotate",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

/// How mode `annotate` marks a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnotateSpec {
    /// A top-level field of this name.
    Field(String),
    /// A user property of this name (MQTT 5 §3.3.2.3.7).
    UserProperty(String),
}

impl Default for AnnotateSpec {
    fn default() -> Self {
        Self::Field("contract_violation".to_owned())
    }
}

/// What fields that the contract does not name are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extra {
    /// Welcome.
    #[default]
    Keep,
    /// A violation, at the top level and in every object that the paths of the contract lead through; not inside of a
    /// field that the contract declares as `object` or `any`.
    Refuse,
}

/// What a contract says about one field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldSpec {
    /// Where it stands, dotted; empty for the bare value of `scalar`.
    pub path: String,
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Whether it may be missing.
    pub optional: bool,
    /// When it may be `null`.
    pub null: NullRule,
    /// Lowest and highest number, inclusive.
    pub range: Option<(Option<Number>, Option<Number>)>,
    /// Fewest and most characters of a text, items of an array.
    pub length: Option<(Option<u64>, Option<u64>)>,
    /// The values that it may have.
    #[serde(rename = "enum")]
    pub one_of: Option<Vec<Value>>,
    /// A regular expression for the whole text.
    pub pattern: Option<String>,
    /// What time it is.
    pub time: Option<TimeSpec>,
    /// The exponents of metre, kilogram, second, ampere, kelvin, mole and candela in its unit.
    pub dimension: Option<[i32; 7]>,
}

/// What kind of value a field is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Any number.
    Number,
    /// A number without fraction; `21.0` is one.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A text.
    String,
    /// An object.
    Object,
    /// An array.
    Array,
    /// Anything but `null`.
    #[default]
    Any,
}

impl FieldType {
    /// With its article, for sentences.
    #[must_use]
    pub const fn described(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::Boolean => "`true` or `false`",
            Self::String => "a string",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Any => "a value",
        }
    }
}

/// When a field may be `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NullRule {
    /// It may not.
    #[default]
    Never,
    /// It may; `null` then satisfies every other rule of the field.
    Allowed,
    /// It is `null` exactly when the quality is bad.
    WhenBad,
}

/// Where the quality stands and what its codes mean. A missing quality counts as good.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualitySpec {
    /// Where it stands, dotted.
    pub path: String,
    /// Codes that say good.
    pub good: Vec<Value>,
    /// Codes that say uncertain.
    pub uncertain: Vec<Value>,
    /// Codes that say bad.
    pub bad: Vec<Value>,
}

/// What time a field is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSpec {
    /// How it is written.
    pub unit: TimeUnit,
    /// How far after the receipt of the message it may lie.
    #[serde(default)]
    pub not_after_ns: Option<i64>,
    /// How far before the receipt of the message it may lie.
    #[serde(default)]
    pub not_before_ns: Option<i64>,
}

/// How a time is written: a number of units since 1970 UTC, or RFC 3339 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
    /// `2024-11-22T07:06:40.123Z`
    Rfc3339,
}
