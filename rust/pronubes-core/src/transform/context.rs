//! What compiling a step needs: the paths and constants of the route, and a place for errors.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{PathPart, SpecError, did_you_mean};
use crate::expr::{Expr, ExprCompiler, ParseCache, Vars};
use crate::payload::codec::Schemas;
use crate::payload::{Cell, FieldPath, Literals, PathSetBuilder};
use crate::spec::TableSpec;
use crate::transform::{Conversions, Field, StepDoc};

/// What all routes of a plan share while it is compiled.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) vars: &'a Vars,
    pub(crate) cache: &'a ParseCache,
    pub(crate) literals: &'a mut Literals,
    pub(crate) hooks: usize,
    pub(crate) conversions: &'a Conversions,
    pub(crate) tables: &'a [TableSpec],
    pub(crate) schemas: &'a Schemas,
}

/// The state of compiling one step. Errors get the path of the step in front by whoever made the context.
#[derive(Debug)]
pub(crate) struct StepContext<'a, 's> {
    pub(crate) shared: &'a mut Shared<'s>,
    pub(crate) paths: &'a mut PathSetBuilder,
    pub(crate) captures: &'a [Box<str>],
    /// Whether an `explode` stands before this step.
    pub(crate) allow_key: bool,
    pub(crate) errors: &'a mut Vec<SpecError>,
}

impl StepContext<'_, '_> {
    /// Notes an error at a path below the step.
    pub(crate) fn error(&mut self, path: &[PathPart], error: SpecError) {
        self.errors.push(error.below(path));
    }

    /// Reads the arguments of a step.
    pub(crate) fn arguments<T: DeserializeOwned>(&mut self, doc: &StepDoc, raw: &RawValue) -> Option<T> {
        let error = match serde_json::from_str(raw.get()) {
            Ok(arguments) => return Some(arguments),
            Err(error) => error.to_string(),
        };
        let text = error.split(" at line ").next().unwrap_or_default();
        let names: Vec<&str> = doc.arguments.iter().map(|argument| argument.name).collect();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let hint = unknown.and_then(|found| did_you_mean(found, names));
        let kinds: Vec<String> = doc.arguments.iter().map(|argument| describe(argument.name, argument.kind)).collect();
        let message = format!("The arguments of `{}` cannot be read: {text}.", doc.verb);
        let path = [PathPart::from(doc.verb)];
        self.error(&path, SpecError::new(message).expected(shortened(raw.get()), kinds.join(", ")).hint(hint));
        None
    }

    /// A field that the step touches.
    pub(crate) fn field(&mut self, text: &str, path: &[PathPart]) -> Option<Field> {
        match FieldPath::parse(text) {
            Ok(field) => {
                let slot = self.paths.add(&field);
                Some(Field { path: field, slot })
            }
            Err(error) => {
                let error = SpecError::new(error.to_string()).at(error.offset, text.len() - error.offset);
                self.error(path, error.expected(text, "a field, as in `value` or `motor.temp`"));
                None
            }
        }
    }

    /// Several fields; errors in all of them are noted.
    pub(crate) fn fields(&mut self, texts: &[String], path: &[PathPart]) -> Option<Box<[Field]>> {
        let fields: Vec<Option<Field>> =
            texts.iter().enumerate().map(|(index, text)| self.field(text, &[path, &[index.into()]].concat())).collect();
        fields.into_iter().collect()
    }

    /// Notes fields that one step touches twice, or one inside of the other.
    pub(crate) fn check_distinct<'f>(&mut self, fields: impl IntoIterator<Item = &'f Field>, path: &[PathPart]) {
        let fields: Vec<&Field> = fields.into_iter().collect();
        for (index, field) in fields.iter().enumerate() {
            let clash = fields.iter().take(index).find(|other| overlap(&field.path, &other.path));
            if let Some(other) = clash {
                let message = format!("The step names `{}` and `{}`, which are not apart.", other.path, field.path);
                let expected = "each field once, and none inside of another";
                self.error(path, SpecError::new(message).expected(field.path.to_string(), expected));
            }
        }
    }

    /// Compiles an expression that stands at `path`.
    pub(crate) fn expression(&mut self, source: &str, path: &[PathPart]) -> Option<Expr> {
        let mut compiler = ExprCompiler {
            captures: self.captures,
            vars: self.shared.vars,
            allow_key: self.allow_key,
            paths: self.paths,
            literals: self.shared.literals,
            cache: self.shared.cache,
        };
        match compiler.compile(source) {
            Ok(expression) => Some(expression),
            Err(errors) => {
                for error in errors {
                    let found = SpecError::new(error.message).at(error.offset, error.length);
                    self.error(path, found.expected(error.found.trim_matches('`'), error.expected).hint(error.hint));
                }
                None
            }
        }
    }

    /// A constant of the configuration as a cell.
    pub(crate) fn constant(&mut self, value: &serde_json::Value) -> Cell {
        match value {
            serde_json::Value::Null => Cell::Null,
            serde_json::Value::Bool(value) => Cell::Bool(*value),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map(Cell::Int)
                .or_else(|| number.as_u64().map(Cell::UInt))
                .or_else(|| number.as_f64().map(Cell::Double))
                .unwrap_or(Cell::Null),
            serde_json::Value::String(text) => Cell::Literal(self.shared.literals.add_text(text)),
            composite => Cell::Literal(self.shared.literals.add_composite(composite)),
        }
    }
}

fn overlap(left: &FieldPath, right: &FieldPath) -> bool {
    left.contains(right) || right.contains(left)
}

fn describe(name: &str, kind: &str) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("`{name}`: {kind}") }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
