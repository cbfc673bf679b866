//! What the fields of a contract mean for expressions: their types and dimensions, at load.
//!
//! A route that expects a contract knows what its fields are, as long as no step has written them. Comparing a text with
//! a number, or adding metres to seconds, is then an error of the configuration. Nothing of this changes how an
//! expression runs: in mode `observe` other payloads come through as well.

use super::shape::Contract;
use super::spec::FieldType;
use crate::SpecError;
use crate::expr::{Expr, Operator, Tree, Type};
use crate::payload::FieldPath;
use crate::transform::{Field, Op, ValueOp};

/// Exponents of metre, kilogram, second, ampere, kelvin, mole and candela; none where they are not known.
type Dimension = Option<[i32; 7]>;

/// What is known about the fields of a payload between two steps.
#[derive(Debug, Default)]
pub(crate) struct Declared<'c> {
    expected: Option<&'c Contract>,
    promised: Option<&'c Contract>,
    /// What steps have written; about these fields nothing is known any more.
    written: Vec<FieldPath>,
    /// What steps have converted since: numbers of this dimension.
    converted: Vec<(FieldPath, Dimension)>,
}

impl<'c> Declared<'c> {
    /// By what a route expects and promises.
    pub(crate) fn new(expected: Option<&'c Contract>, promised: Option<&'c Contract>) -> Self {
        Self { expected, promised, written: Vec::new(), converted: Vec::new() }
    }

    /// Forgets what a step writes, but for what a conversion says about it.
    pub(crate) fn write(&mut self, op: &Op, is_conditional: bool) {
        let converted = conversion_in(op).filter(|(field, dimension)| {
            !is_conditional || self.field_at(&field.path) == Some((FieldType::Number, *dimension))
        });
        let mut write = |field: &Field| {
            self.converted.retain(|(path, _)| !path.contains(&field.path) && !field.path.contains(path));
            self.written.push(field.path.clone());
        };
        match op {
            Op::Keep(_) | Op::Drop(_) => {} // What is left is what it was.
            Op::Rename(pairs) => pairs.iter().flat_map(|(from, to)| [from, to]).for_each(write),
            Op::Set(values) => values.iter().for_each(|(field, _)| write(field)),
            Op::Compute(values) => values.iter().for_each(|(field, _)| write(field)),
            Op::Value { into, .. } => write(into),
            Op::Bits { bits, .. } => bits.iter().for_each(|(_, field)| write(field)),
            Op::Convert(convert) => convert.fields().for_each(write),
            Op::Lookup(lookup) => lookup.written().for_each(write),
            Op::Nest { into, fields } => std::iter::once(into).chain(fields).for_each(write),
            Op::Flatten { .. } => self.forget(),
        }
        self.converted.extend(converted.map(|(field, dimension)| (field.path.clone(), dimension)));
    }

    /// What is wrong with a conversion: the field measures something else.
    pub(crate) fn check_conversion(&self, op: &Op) -> Option<SpecError> {
        let (field, Some(wanted)) = conversion_in(op)? else { return None };
        let (kind, dimension) = self.field_at(&field.path)?;
        let contract = self.expected.map_or("", Contract::id);
        if !matches!(kind, FieldType::Number | FieldType::Integer) {
            let error = SpecError::new(format!("`{}` is no number by the contract `{contract}`.", field.path));
            return Some(error.expected(field.path.to_string(), "a field that is a number"));
        }
        let error = || SpecError::new(format!("`{}` does not measure what the units measure.", field.path));
        let found = dimension.filter(|found| *found != wanted)?;
        Some(error().expected(format!("`{}`", written(found)), format!("`{}`", written(wanted))))
    }

    /// What is wrong at the end of a route: converted fields that the promised contract gives another dimension.
    pub(crate) fn check_leaving(&self) -> Vec<SpecError> {
        let promised = |path: &FieldPath| self.promised?.fields().find(|(known, ..)| *known == path)?.2;
        let wrong = self.converted.iter().filter_map(|(path, dimension)| {
            let (found, wanted) = (dimension.as_ref()?, promised(path)?);
            let message = format!("`{path}` leaves with another dimension than the contract gives it.");
            let error = || SpecError::new(message).expected(written(*found), format!("`{}`", written(wanted)));
            (*found != wanted).then(error)
        });
        wrong.collect()
    }

    /// Forgets everything: another payload comes.
    pub(crate) fn forget(&mut self) {
        self.expected = None;
        self.converted.clear();
    }

    /// What is wrong with an expression; `target` is the field that gets its result.
    pub(crate) fn check(&self, expression: &Expr, target: Option<&FieldPath>) -> Vec<SpecError> {
        if self.expected.is_none() && self.converted.is_empty() {
            return Vec::new();
        }
        let mut errors = Vec::new();
        let dimension = self.walk(expression.tree(), &mut errors);
        let promised = target.and_then(|target| self.promised?.fields().find(|(path, ..)| *path == target));
        if let (Some(found), Some((path, _, Some(wanted)))) = (dimension, promised)
            && found != wanted
        {
            let error = SpecError::new(format!("The result has another dimension than the contract gives `{path}`."));
            errors.push(error.expected(written(found), format!("`{}`", written(wanted))));
        }
        errors
    }

    fn field(&self, name: &str) -> Option<(FieldType, Dimension)> {
        self.field_at(&FieldPath::parse(name).ok()?)
    }

    fn field_at(&self, path: &FieldPath) -> Option<(FieldType, Dimension)> {
        if let Some((_, dimension)) = self.converted.iter().find(|(known, _)| known == path) {
            return Some((FieldType::Number, *dimension));
        }
        if self.written.iter().any(|other| other.contains(path) || path.contains(other)) {
            return None;
        }
        let (_, kind, dimension) = self.expected?.fields().find(|(known, ..)| *known == path)?;
        Some((kind, dimension))
    }

    fn type_of(&self, tree: &Tree) -> Type {
        let Tree::Slot(_, name) = tree else { return tree.result() };
        match self.field(name).map(|(kind, _)| kind) {
            Some(FieldType::Number | FieldType::Integer) => Type::Number,
            Some(FieldType::Boolean) => Type::Bool,
            Some(FieldType::String) => Type::Text,
            _ => Type::Any,
        }
    }

    /// Checks a part and all below it; gives its dimension.
    fn walk(&self, tree: &Tree, errors: &mut Vec<SpecError>) -> Dimension {
        match tree {
            Tree::Slot(_, name) => self.field(name).and_then(|(_, dimension)| dimension),
            Tree::Negate(part) => {
                self.want(part, Type::Number, errors);
                self.walk(part, errors)
            }
            Tree::Not(part) => {
                self.want(part, Type::Bool, errors);
                self.walk(part, errors);
                None
            }
            Tree::And(parts) | Tree::Or(parts) => {
                for part in parts {
                    self.want(part, Type::Bool, errors);
                    self.walk(part, errors);
                }
                None
            }
            Tree::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.want(condition, Type::Bool, errors);
                self.walk(condition, errors);
                let (then, otherwise) = (self.walk(then, errors), self.walk(otherwise, errors));
                then.filter(|_| then == otherwise)
            }
            Tree::Compare(_, left, right) => {
                self.compare(left, right, errors);
                None
            }
            Tree::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, errors),
            Tree::In(part, constants) => {
                let kind = self.type_of(part);
                let other = constants.iter().map(|one| Tree::Constant(one.clone()).result());
                if let Some(other) = other.into_iter().find(|other| *other != Type::Null && !kind.can_be(*other)) {
                    errors.push(self.never(part, other));
                }
                self.walk(part, errors);
                None
            }
            Tree::Matches(part, _) => {
                self.want(part, Type::Text, errors);
                self.walk(part, errors)
            }
            other => {
                other.visit(&mut |part| {
                    self.walk(part, errors);
                });
                None
            }
        }
    }

    fn compare(&self, left: &Tree, right: &Tree, errors: &mut Vec<SpecError>) {
        let (kinds, before) = ((self.type_of(left), self.type_of(right)), errors.len());
        let has_null = kinds.0 == Type::Null || kinds.1 == Type::Null;
        if !has_null && !kinds.0.can_be(kinds.1) {
            let (field, other) = if matches!(left, Tree::Slot(..)) { (left, kinds.1) } else { (right, kinds.0) };
            errors.push(self.never(field, other));
        }
        let dimensions = (self.walk(left, errors), self.walk(right, errors));
        if errors.len() == before {
            self.same(dimensions, "compared", errors);
        }
    }

    fn arithmetic(&self, operator: Operator, left: &Tree, right: &Tree, errors: &mut Vec<SpecError>) -> Dimension {
        let kinds = (self.type_of(left), self.type_of(right));
        if operator == Operator::Add {
            if !kinds.0.can_be(kinds.1) {
                let (field, other) = if matches!(left, Tree::Slot(..)) { (left, kinds.1) } else { (right, kinds.0) };
                errors.push(self.never(field, other));
            }
        } else {
            self.want(left, Type::Number, errors);
            self.want(right, Type::Number, errors);
        }
        let dimensions = (self.walk(left, errors), self.walk(right, errors));
        let combine = |sign: i32| {
            let (left, right) = (dimensions.0?, dimensions.1?);
            Some(std::array::from_fn(|index| left[index] + sign * right[index]))
        };
        match operator {
            Operator::Multiply => combine(1),
            Operator::Divide | Operator::DivideWhole => combine(-1),
            Operator::Add | Operator::Subtract | Operator::Remainder => {
                self.same(dimensions, "added, subtracted or divided with a remainder", errors);
                dimensions.0.filter(|_| dimensions.0 == dimensions.1)
            }
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the other checks")]
    fn same(&self, dimensions: (Dimension, Dimension), what: &str, errors: &mut Vec<SpecError>) {
        if let (Some(left), Some(right)) = dimensions
            && left != right
        {
            let error = SpecError::new(format!("Values of different dimension cannot be {what}."));
            errors.push(error.expected(written(right), format!("`{}`", written(left))));
        }
    }

    fn want(&self, part: &Tree, wanted: Type, errors: &mut Vec<SpecError>) {
        if !self.type_of(part).can_be(wanted) {
            errors.push(self.never(part, wanted));
        }
    }

    /// A field, by contract of one type, stands where another is needed.
    fn never(&self, part: &Tree, wanted: Type) -> SpecError {
        let kind = self.type_of(part).name();
        let is_converted = |name| self.converted.iter().any(|(path, _)| FieldPath::parse(name).as_ref() == Ok(path));
        let since = match (part, self.expected) {
            (Tree::Slot(_, name), Some(contract)) if !is_converted(name) => {
                format!("by the contract `{}`", contract.id())
            }
            _ => "behind `convert`".to_owned(),
        };
        let error = SpecError::new(format!("`{part}` is {kind} {since}."));
        error.expected(kind, wanted.name())
    }
}

/// The field that a step converts, and what its unit measures then.
fn conversion_in(op: &Op) -> Option<(&Field, Dimension)> {
    match op {
        Op::Value { into, op: ValueOp::Convert(conversion), .. } => Some((into, conversion.dimension())),
        Op::Convert(convert) => Some((&convert.field, convert.dimension())),
        _ => None,
    }
}

/// A dimension as a product of units: `m.s-1`; `1` for none.
fn written(dimension: [i32; 7]) -> String {
    const UNITS: [&str; 7] = ["m", "kg", "s", "A", "K", "mol", "cd"];
    let parts = UNITS.iter().zip(dimension).filter(|(_, exponent)| *exponent != 0);
    let part =
        |(unit, exponent): (&&str, i32)| if exponent == 1 { (*unit).to_owned() } else { format!("{unit}{exponent}") };
    let parts: Vec<String> = parts.map(part).collect();
    if parts.is_empty() { "1".to_owned() } else { parts.join(".") }
}
