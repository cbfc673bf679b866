//! From a specification to a contract: everything that is wrong with it, at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex::Regex;
use serde_json::Value;

use super::check::{Check, Rest};
use super::number::{Number, Range};
use super::quality::Quality;
use super::shape::{Closed, Contract, Described, Field};
use super::spec::{
    AnnotateSpec, ContractSpec, Extra, FieldSpec, FieldType, Mode, NullRule, QualitySpec, TimeSpec, TimeUnit,
};
use super::text::{Length, OneOf, whole};
use super::time::Time;
use crate::SpecError;
use crate::error::PathPart;
use crate::payload::{FieldPath, PathSetBuilder};

/// Most values that a sentence lists.
const LISTED: usize = 8;

/// Compiles contracts; patterns that many of them share are compiled once.
#[derive(Default)]
pub(crate) struct Compiler {
    patterns: HashMap<String, Result<Regex, String>>,
    errors: Vec<SpecError>,
}

impl Compiler {
    pub(crate) fn compile(&mut self, spec: &ContractSpec) -> Result<Contract, Vec<SpecError>> {
        self.errors.clear();
        self.check_head(spec);
        let fields = match &spec.scalar {
            Some(field) => vec![self.field(field, FieldPath::root(), spec, &["scalar".into()])],
            None => self.fields(spec),
        };
        self.check_nesting(&fields);
        let quality_path = spec.quality.as_ref().and_then(|quality| self.path(&quality.path, &["quality".into()]));
        let quality = spec.quality.as_ref().map(|quality| self.quality(quality));
        if spec.scalar.is_some() && quality.is_some() {
            self.push(&["quality".into()], SpecError::new("A bare value has no quality beside it."));
        }
        let mut contract = Contract {
            id: spec.id().into(),
            mode: spec.mode,
            annotation: match &spec.annotate {
                AnnotateSpec::Field(name) | AnnotateSpec::UserProperty(name) => name.as_str().into(),
            },
            is_scalar: spec.scalar.is_some(),
            refuses_extra: spec.extra == Extra::Refuse && spec.scalar.is_none(),
            fields: fields.into(),
            quality,
            quality_path,
            paths: Default::default(),
            own: Default::default(),
            closed: Box::default(),
        };
        let mut builder = PathSetBuilder::default();
        contract.own = contract.bind(&mut builder);
        contract.closed = if contract.refuses_extra { closed(&contract, &mut builder) } else { Box::default() };
        match builder.build() {
            Ok(paths) => contract.paths = paths,
            Err(error) => self.push(&["fields".into()], SpecError::new(error.to_string())),
        }
        if self.errors.is_empty() { Ok(contract) } else { Err(std::mem::take(&mut self.errors)) }
    }

    fn push(&mut self, path: &[PathPart], error: SpecError) {
        self.errors.push(error.below(path));
    }

    fn check_head(&mut self, spec: &ContractSpec) {
        let is_plain = |character: char| !character.is_whitespace() && !character.is_control() && character != '@';
        if spec.name.is_empty() || !spec.name.chars().all(is_plain) {
            let error = SpecError::new("The contract has no usable name.");
            self.push(&["name".into()], error.expected(&spec.name, "a name without spaces and `@`"));
        }
        if spec.version == 0 {
            let error = SpecError::new("Versions are counted from 1.");
            self.push(&["version".into()], error.expected("0", "1 or more"));
        }
        if spec.scalar.is_some() && !spec.fields.is_empty() {
            let error = SpecError::new("A payload is a bare value or has fields, not both.");
            self.push(
                &["fields".into()],
                error.expected(format!("{} fields", spec.fields.len()), "none beside `scalar`"),
            );
        }
        if let Some(scalar) = &spec.scalar
            && !scalar.path.is_empty()
        {
            let error = SpecError::new("A bare value has no path.");
            self.push(&["scalar".into(), "path".into()], error.expected(&scalar.path, "no path"));
        }
        self.check_annotation(spec);
    }

    fn check_annotation(&mut self, spec: &ContractSpec) {
        let at: [PathPart; 1] = ["annotate".into()];
        match &spec.annotate {
            AnnotateSpec::Field(name) if name.is_empty() || spec.fields.iter().any(|field| field.path == *name) => {
                let error = SpecError::new("Violations cannot be marked with this field.");
                self.push(&at, error.expected(name, "a name that is no field of the contract"));
            }
            AnnotateSpec::UserProperty(name) if spec.mode == Mode::Annotate => {
                let error = SpecError::new("Marks by user property are not in this version.");
                self.push(&at, error.expected(name, "a `field`"));
            }
            AnnotateSpec::Field(_) | AnnotateSpec::UserProperty(_) => {}
        }
    }

    fn fields(&mut self, spec: &ContractSpec) -> Vec<Field> {
        let mut seen: HashMap<FieldPath, usize> = HashMap::new();
        let mut fields = Vec::with_capacity(spec.fields.len());
        for (index, field) in spec.fields.iter().enumerate() {
            let at: [PathPart; 2] = ["fields".into(), index.into()];
            let Some(path) = self.path(&field.path, &at) else { continue };
            if let Some(first) = seen.insert(path.clone(), index) {
                let error = SpecError::new(format!("The field stands at `fields/{first}` already."));
                self.push(&[&at[..], &["path".into()]].concat(), error.expected(&field.path, "a field of its own"));
            }
            fields.push(self.field(field, path, spec, &at));
        }
        fields
    }

    fn path(&mut self, text: &str, at: &[PathPart]) -> Option<FieldPath> {
        let at = [at, &["path".into()]].concat();
        match FieldPath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                let length = text.len() - error.offset;
                let found = SpecError::new(error.to_string()).expected(text, "a field, as in `motor.temp`");
                self.push(&at, found.at(error.offset, length));
                None
            }
        }
    }

    fn field(&mut self, spec: &FieldSpec, path: FieldPath, contract: &ContractSpec, at: &[PathPart]) -> Field {
        if spec.null == NullRule::WhenBad && contract.quality.is_none() {
            let error = SpecError::new("`null` is to go with a bad quality, and the contract has no quality.");
            self.push(
                &[at, &["null".into()]].concat(),
                error.expected("when_bad", "`never`, `allowed` or a `quality`"),
            );
        }
        let range = spec.range.as_ref().and_then(|range| self.range(spec, range, at));
        let rest = Rest {
            one_of: spec.one_of.as_ref().map(|values| self.one_of(spec, values, range.as_ref(), at)),
            pattern: spec.pattern.as_ref().and_then(|pattern| self.pattern(spec, pattern, at)),
            length: spec.length.and_then(|length| self.length(spec, length, at)),
            time: spec.time.as_ref().map(|time| self.time(spec, time, at)),
        };
        let has_rest = rest.one_of.is_some() || rest.pattern.is_some() || rest.length.is_some() || rest.time.is_some();
        let check = Check {
            kind: spec.kind,
            is_optional: spec.optional,
            null: spec.null,
            range,
            rest: has_rest.then(|| Box::new(rest)),
        };
        Field { name: spec.path.as_str().into(), path, check, described: describe(spec), dimension: spec.dimension }
    }

    fn unfit(&mut self, at: &[PathPart], key: &str, spec: &FieldSpec, kinds: &[FieldType]) {
        if spec.kind != FieldType::Any && !kinds.contains(&spec.kind) {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.described()).collect();
            let error = SpecError::new(format!("`{key}` does not go with this type."));
            self.push(&[at, &[key.into()]].concat(), error.expected(spec.kind.described(), kinds.join(" or ")));
        }
    }

    fn range(
        &mut self,
        spec: &FieldSpec,
        range: &(Option<serde_json::Number>, Option<serde_json::Number>),
        at: &[PathPart],
    ) -> Option<Range> {
        let (low, high) = range;
        self.unfit(at, "range", spec, &[FieldType::Number, FieldType::Integer]);
        let compiled = Range::new(low.as_ref().map(Number::of_json), high.as_ref().map(Number::of_json));
        if compiled.is_empty(spec.kind == FieldType::Integer) {
            let error = SpecError::new("No value lies in the range.");
            self.push(
                &[at, &["range".into()]].concat(),
                error.expected(range_text(range), "the lowest value, then the highest"),
            );
        }
        (low.is_some() || high.is_some()).then_some(compiled)
    }

    fn one_of(&mut self, spec: &FieldSpec, values: &[Value], range: Option<&Range>, at: &[PathPart]) -> OneOf {
        let key = [at, &["enum".into()]].concat();
        self.unfit(at, "enum", spec, &[FieldType::Number, FieldType::Integer, FieldType::Boolean, FieldType::String]);
        if values.is_empty() {
            self.push(&key, SpecError::new("No value is allowed.").expected("[]", "at least one value"));
        }
        for (index, value) in values.iter().enumerate() {
            let number = if let Value::Number(number) = value { Some(Number::of_json(number)) } else { None };
            let is_kind = match spec.kind {
                FieldType::Number => number.is_some(),
                FieldType::Integer => number.is_some_and(Number::is_integer),
                FieldType::Boolean => value.is_boolean(),
                FieldType::String => value.is_string(),
                FieldType::Any => !value.is_object() && !value.is_array(),
                FieldType::Object | FieldType::Array => true, // Reported above.
            };
            let is_null = value.is_null() && spec.null != NullRule::Never;
            let is_in = range.is_none_or(|range| number.is_none_or(|number| range.holds(number)));
            if !(is_kind || is_null) || !is_in {
                let error = SpecError::new("No field could have this value.");
                let expected = if is_kind { "a value within the range" } else { spec.kind.described() };
                self.push(&[&key[..], &[index.into()]].concat(), error.expected(value.to_string(), expected));
            }
        }
        OneOf::new(values)
    }

    fn pattern(&mut self, spec: &FieldSpec, pattern: &str, at: &[PathPart]) -> Option<Regex> {
        self.unfit(at, "pattern", spec, &[FieldType::String]);
        let compiled = self.patterns.entry(pattern.to_owned()).or_insert_with(|| whole(pattern)).clone();
        compiled
            .map_err(|message| {
                let error = SpecError::new(format!("The pattern cannot be used: {message}"));
                let expected = "a regular expression without look-around and back references";
                self.push(&[at, &["pattern".into()]].concat(), error.expected(pattern, expected));
            })
            .ok()
    }

    fn length(&mut self, spec: &FieldSpec, length: (Option<u64>, Option<u64>), at: &[PathPart]) -> Option<Length> {
        self.unfit(at, "length", spec, &[FieldType::String, FieldType::Array]);
        let compiled = Length { least: length.0.unwrap_or(0), most: length.1.unwrap_or(u64::MAX) };
        if compiled.least > compiled.most {
            let error = SpecError::new("No length is allowed.");
            let found = format!("[{}, {}]", compiled.least, compiled.most);
            self.push(&[at, &["length".into()]].concat(), error.expected(found, "the least length, then the greatest"));
        }
        (length.0.is_some() || length.1.is_some()).then_some(compiled)
    }

    fn time(&mut self, spec: &FieldSpec, time: &TimeSpec, at: &[PathPart]) -> Time {
        let at = [at, &["time".into()]].concat();
        let (is_fit, expected) = match time.unit {
            TimeUnit::Rfc3339 => (spec.kind == FieldType::String, "a string"),
            _ => (matches!(spec.kind, FieldType::Number | FieldType::Integer), "an integer or a number"),
        };
        if !is_fit {
            let error = SpecError::new("The unit does not go with this type.");
            self.push(&[&at[..], &["unit".into()]].concat(), error.expected(spec.kind.described(), expected));
        }
        for (key, limit) in [("not_after_ns", time.not_after_ns), ("not_before_ns", time.not_before_ns)] {
            if let Some(limit) = limit.filter(|limit| *limit < 0) {
                let error = SpecError::new("A time cannot be limited by less than nothing.");
                self.push(&[&at[..], &[key.into()]].concat(), error.expected(limit.to_string(), "0 or more"));
            }
        }
        Time::new(time)
    }

    fn quality(&mut self, spec: &QualitySpec) -> Quality {
        let lists = [("good", &spec.good), ("uncertain", &spec.uncertain), ("bad", &spec.bad)];
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (key, values) in lists {
            for (index, value) in values.iter().enumerate() {
                let at: [PathPart; 3] = ["quality".into(), key.into(), index.into()];
                if matches!(value, Value::Object(_) | Value::Array(_) | Value::Null) {
                    let error = SpecError::new("This is no code of a quality.");
                    self.push(&at, error.expected(value.to_string(), "a text, a number, `true` or `false`"));
                }
                if let Some(first) = seen.insert(value.to_string(), key) {
                    let error = SpecError::new(format!("The code stands under `{first}` already."));
                    self.push(&at, error.expected(value.to_string(), "one meaning for each code"));
                }
            }
        }
        if seen.is_empty() {
            let error = SpecError::new("The quality has no codes.");
            self.push(&["quality".into()], error.expected("nothing", "codes under `good`, `uncertain` or `bad`"));
        }
        let all: Vec<Value> = lists.iter().flat_map(|(_, values)| values.iter().cloned()).collect();
        Quality {
            name: spec.path.as_str().into(),
            good: OneOf::new(&spec.good),
            uncertain: OneOf::new(&spec.uncertain),
            bad: OneOf::new(&spec.bad),
            described: listed(&all).into(),
        }
    }

    /// A field below another must not be below a scalar.
    fn check_nesting(&mut self, fields: &[Field]) {
        let kinds: HashMap<&FieldPath, FieldType> =
            fields.iter().map(|field| (&field.path, field.check.kind)).collect();
        for (index, field) in fields.iter().enumerate() {
            let mut above = field.path.parent();
            while let Some(path) = above.filter(|path| !path.is_root()) {
                let kind = kinds.get(&path).copied().unwrap_or(FieldType::Any);
                if !matches!(kind, FieldType::Any | FieldType::Object | FieldType::Array) {
                    let error = SpecError::new(format!("`{path}` is {} and has no fields.", kind.described()));
                    let at = ["fields".into(), index.into(), "path".into()];
                    self.push(&at, error.expected(&*field.name, "a field below an object"));
                }
                above = path.parent();
            }
        }
    }
}

/// The objects below the top level that must not have other members, unless they are declared as open.
fn closed(contract: &Contract, builder: &mut PathSetBuilder) -> Box<[Closed]> {
    let all: Vec<&FieldPath> = contract.fields.iter().map(|field| &field.path).chain(&contract.quality_path).collect();
    let is_open = |path: &FieldPath| {
        let field = contract.fields.iter().find(|field| field.path == *path);
        field.is_some_and(|field| matches!(field.check.kind, FieldType::Object | FieldType::Any))
    };
    let mut inner: BTreeMap<FieldPath, BTreeSet<Box<str>>> = BTreeMap::new();
    for path in all {
        let mut child = path.clone();
        let mut above = Vec::new();
        while let Some(parent) = child.parent().filter(|parent| !parent.is_root()) {
            above.push((parent.clone(), Box::from(child.last().unwrap_or_default())));
            child = parent;
        }
        // What lies inside of an open object is free at any depth.
        for (parent, member) in above.into_iter().rev() {
            if is_open(&parent) {
                break;
            }
            inner.entry(parent).or_default().insert(member);
        }
    }
    let closed = inner.into_iter().map(|(path, members)| Closed {
        object: builder.add(&path),
        name: path.to_string().into(),
        members: members.into_iter().collect(),
    });
    closed.collect()
}

fn describe(spec: &FieldSpec) -> Described {
    Described {
        range: spec.range.as_ref().map_or_else(String::new, range_text).into(),
        one_of: spec.one_of.as_deref().map_or_else(String::new, listed).into(),
        pattern: spec.pattern.as_ref().map_or_else(String::new, |text| format!("text that is `{text}`")).into(),
        length: spec.length.map_or_else(String::new, length_text).into(),
    }
}

fn range_text(range: &(Option<serde_json::Number>, Option<serde_json::Number>)) -> String {
    match range {
        (Some(low), Some(high)) => format!("{low} to {high}"),
        (Some(low), None) => format!("{low} or more"),
        (None, Some(high)) => format!("{high} or less"),
        (None, None) => "any number".to_owned(),
    }
}

fn length_text(length: (Option<u64>, Option<u64>)) -> String {
    match length {
        (Some(least), Some(most)) => format!("{least} to {most} of them"),
        (Some(least), None) => format!("{least} or more of them"),
        (None, Some(most)) => format!("{most} of them at most"),
        (None, None) => "any length".to_owned(),
    }
}

/// Values as a list for people.
fn listed(values: &[Value]) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    };
    let mut names: Vec<String> = values.iter().take(LISTED).map(text).collect();
    if values.len() > LISTED {
        names.push(format!("{} more", values.len() - LISTED));
    }
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
