//! A compiled contract.

use super::check::Check;
use super::compile;
use super::quality::Quality;
use super::quick::Binding;
use super::spec::{ContractSpec, FieldType, Mode};
use crate::SpecError;
use crate::payload::{FieldPath, PathSet, SlotId};

/// A compiled contract. It never changes.
#[derive(Debug)]
pub struct Contract {
    pub(super) id: Box<str>,
    pub(super) mode: Mode,
    /// The top-level field by which mode `annotate` marks a message.
    pub(super) annotation: Box<str>,
    pub(super) is_scalar: bool,
    pub(super) refuses_extra: bool,
    pub(super) fields: Box<[Field]>,
    pub(super) quality: Option<Quality>,
    /// Where the quality stands.
    pub(super) quality_path: Option<FieldPath>,
    /// All paths, for the full pass.
    pub(super) paths: PathSet,
    /// Their slots.
    pub(super) own: Binding,
    /// Objects that paths lead through and that must not have other members.
    pub(super) closed: Box<[Closed]>,
}

/// A field of a contract.
#[derive(Debug)]
pub(super) struct Field {
    /// Its path as written.
    pub(super) name: Box<str>,
    pub(super) path: FieldPath,
    pub(super) check: Check,
    /// What is right, for people: by rule where it differs.
    pub(super) described: Described,
    pub(super) dimension: Option<[i32; 7]>,
}

/// What a field should be, for people.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) range: Box<str>,
    pub(super) one_of: Box<str>,
    pub(super) pattern: Box<str>,
    pub(super) length: Box<str>,
}

/// An object below the top level that must not have other members than these.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) object: SlotId,
    pub(super) name: Box<str>,
    pub(super) members: Box<[Box<str>]>,
}

impl Contract {
    /// Compiles a contract.
    ///
    /// # Errors
    /// Everything that is wrong with it, with paths into the specification.
    pub fn compile(spec: &ContractSpec) -> Result<Self, Vec<SpecError>> {
        compile::Compiler::default().compile(spec)
    }

    /// Name and version: `measurement@1`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is done with a message that violates it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The top-level field by which mode `annotate` marks a message.
    #[must_use]
    pub fn annotation(&self) -> &str {
        &self.annotation
    }

    /// What it says about its fields, in the order of the file: where they stand, what they are, and the exponents of metre, kilogram,
    /// second, ampere, kelvin, mole and candela in their units.
    pub fn fields(&self) -> impl Iterator<Item = (&FieldPath, FieldType, Option<[i32; 7]>)> {
        self.fields.iter().map(|field| (&field.path, field.check.kind, field.dimension))
    }

    /// The path of the field that a [`RuleCount`](super::RuleCount) is about; empty where it is about the whole payload.
    #[must_use]
    pub fn field_name(&self, field: u32) -> &str {
        let field = field as usize;
        match self.fields.get(field) {
            Some(field) => &field.name,
            None if field == self.fields.len() => self.quality.as_ref().map_or("", |quality| &quality.name),
            None => "",
        }
    }
}
