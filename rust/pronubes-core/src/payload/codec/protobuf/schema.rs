//! Descriptor sets: read by prost-reflect when the configuration is loaded, and turned into tables that a walk can index.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, MessageDescriptor};

use super::super::{CodecError, base64};
use crate::error::did_you_mean;
use crate::spec::Ordered;

/// The descriptor sets of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub struct Schemas(Vec<(String, Result<DescriptorPool, String>)>);

impl Schemas {
    /// Reads descriptor sets, each a `FileDescriptorSet` as base64. What is wrong with one is said where it is used.
    #[must_use]
    pub fn new(sets: &Ordered<String>) -> Self {
        let read = |set: &String| {
            let mut bytes = Vec::new();
            if !base64::read(&mut bytes, set.as_bytes()) {
                return Err("it is no base64 text".to_owned());
            }
            DescriptorPool::decode(bytes.as_slice()).map_err(|error| error.to_string())
        };
        Self(sets.0.iter().map(|(name, set)| (name.clone(), read(set))).collect())
    }

    /// The tables of a message and of all that it has in it.
    pub(super) fn message(&self, schema: &str, message: &str) -> Result<Arc<Schema>, CodecError> {
        let known = self.0.iter().find(|(name, _)| name == schema);
        let (_, pool) = known.ok_or_else(|| CodecError {
            argument: "schema",
            message: "There is no such schema.".to_owned(),
            found: schema.to_owned(),
            expected: self.0.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        })?;
        let pool = pool.as_ref().map_err(|error| CodecError {
            argument: "schema",
            message: format!("The descriptor set cannot be read: {error}."),
            found: schema.to_owned(),
            expected: "what `protoc --include_imports --descriptor_set_out` writes".to_owned(),
        })?;
        let found = pool.get_message_by_name(message).ok_or_else(|| unknown_message(pool, schema, message))?;
        if let Some(error) = refused(&found) {
            return Err(error);
        }
        Ok(Arc::new(Builder::default().build(&found)))
    }
}

fn unknown_message(pool: &DescriptorPool, schema: &str, message: &str) -> CodecError {
    let of_file = |one: &MessageDescriptor| !one.is_map_entry() && !one.full_name().starts_with("google.protobuf.");
    let names: Vec<String> =
        pool.all_messages().filter(of_file).map(|message| message.full_name().to_owned()).collect();
    let hint = did_you_mean(message, names.iter().map(String::as_str)).map(|hint| format!(" {hint}"));
    let more = if names.len() > 8 { ", ..." } else { "" };
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    CodecError {
        argument: "message",
        message: format!("`{schema}` has no such message.{}", hint.unwrap_or_default()),
        found: message.to_owned(),
        expected: format!("a full name: {}{more}", shown.join(", ")),
    }
}

/// A payload is an object, so it cannot be a message whose JSON is none.
fn refused(message: &MessageDescriptor) -> Option<CodecError> {
    (form_of(message) != Form::Plain).then(|| CodecError {
        argument: "message",
        message: "The JSON of this message is no object.".to_owned(),
        found: message.full_name().to_owned(),
        expected: "a message of your own, perhaps one that has this as a field".to_owned(),
    })
}

/// A message and all that it has in it; the message itself comes first.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) messages: Box<[Message]>,
    pub(super) enums: Box<[Names]>,
}

/// How a message looks in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object with its fields.
    Plain,
    /// What its one field is: the wrappers, `Struct` and `ListValue`.
    Bare,
    /// What the one field that is set is, or `null`: `Value`.
    Any,
    /// A key and a value of a map.
    Entry,
    /// A text: `2024-11-22T07:06:40.123Z`.
    Timestamp,
    /// A text: `1.5s`.
    Duration,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) form: Form,
    /// In the order of their numbers.
    pub(super) fields: Box<[Field]>,
    /// Positions of fields that must be there (proto2).
    pub(super) required: Box<[u32]>,
    /// Names as in the file and as in ProtoJSON, sorted, with positions.
    names: Box<[(Box<str>, u32)]>,
    pub(super) oneofs: u32,
}

impl Message {
    /// The position of the field of a number.
    pub(super) fn by_number(&self, number: u32) -> Option<u32> {
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        u32::try_from(at).ok()
    }

    /// The position of the field of a name.
    pub(super) fn by_name(&self, name: &[u8]) -> Option<u32> {
        let at = self.names.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
        self.names.get(at).map(|(_, field)| *field)
    }

    pub(super) fn field(&self, at: u32) -> Option<&Field> {
        self.fields.get(at as usize)
    }
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: Box<str>,
    pub(super) kind: Kind,
    pub(super) count: Count,
    /// Whether it is not written when it has its default, and has it when it is not written.
    pub(super) is_implicit: bool,
    pub(super) is_required: bool,
    /// The group of fields of which one at most is set.
    pub(super) oneof: Option<u32>,
}

/// How often a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    One,
    Many { is_packed: bool },
    Map,
}

/// The type of a field; messages and enums by their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Bool,
    String,
    Bytes,
    Enum(u32),
    /// The only value of `google.protobuf.NullValue`.
    Null,
    Message(u32),
    /// A message between two tags instead of behind a length.
    Group(u32),
}

/// The names of an enum.
#[derive(Debug)]
pub(super) struct Names {
    by_number: Box<[(i32, Box<str>)]>,
    by_name: Box<[(Box<str>, i32)]>,
}

impl Names {
    pub(super) fn name(&self, number: i32) -> Option<&str> {
        let at = self.by_number.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.by_number.get(at).map(|(_, name)| &**name)
    }

    pub(super) fn number(&self, name: &[u8]) -> Option<i32> {
        let at = self.by_name.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
        self.by_name.get(at).map(|(_, number)| *number)
    }
}

/// Collects what a message has in it, each once, without recursion: messages may hold themselves.
#[derive(Default)]
struct Builder {
    known: HashMap<String, u32>,
    waiting: Vec<MessageDescriptor>,
    enums: Vec<Names>,
}

impl Builder {
    fn build(mut self, root: &MessageDescriptor) -> Schema {
        let mut messages = Vec::new();
        self.position(root);
        while let Some(next) = self.waiting.get(messages.len()).cloned() {
            messages.push(self.message(&next));
        }
        Schema { messages: messages.into(), enums: self.enums.into() }
    }

    fn position(&mut self, message: &MessageDescriptor) -> u32 {
        let next = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let known = *self.known.entry(message.full_name().to_owned()).or_insert(next);
        if known == next {
            self.waiting.push(message.clone());
        }
        known
    }

    fn message(&mut self, message: &MessageDescriptor) -> Message {
        let mut fields: Vec<(Field, String)> = message.fields().map(|field| self.field(&field)).collect();
        fields.extend(message.extensions().map(|field| self.extension(&field)));
        fields.sort_by_key(|(field, _)| field.number);
        let mut names: Vec<(Box<str>, u32)> = Vec::new();
        for (at, (field, json_name)) in (0..).zip(&fields) {
            names.push((field.name.clone(), at));
            names.push((json_name.as_str().into(), at));
        }
        names.sort();
        names.dedup_by(|later, earlier| later.0 == earlier.0);
        let required = (0..).zip(&fields).filter(|(_, (field, _))| field.is_required).map(|(at, _)| at).collect();
        let oneofs = u32::try_from(message.oneofs().len()).unwrap_or(u32::MAX);
        let fields = fields.into_iter().map(|(field, _)| field).collect();
        Message { form: form_of(message), fields, required, names: names.into(), oneofs }
    }

    /// A field, and its name in ProtoJSON.
    fn field(&mut self, field: &FieldDescriptor) -> (Field, String) {
        let count = match field.is_list() {
            _ if field.is_map() => Count::Map,
            true => Count::Many { is_packed: field.is_packed() },
            false => Count::One,
        };
        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()).and_then(|oneof| {
            let position = oneof.parent_message().oneofs().position(|one| one == oneof)?;
            u32::try_from(position).ok()
        });
        let compiled = Field {
            number: field.number(),
            name: field.name().into(),
            kind: self.kind(&field.kind(), field.is_group()),
            count,
            is_implicit: count == Count::One && !field.supports_presence() && !field.is_required(),
            is_required: field.is_required(),
            oneof,
        };
        (compiled, field.json_name().to_owned())
    }

    fn extension(&mut self, field: &ExtensionDescriptor) -> (Field, String) {
        let name = format!("[{}]", field.full_name());
        let count = if field.is_list() { Count::Many { is_packed: field.is_packed() } } else { Count::One };
        let compiled = Field {
            number: field.number(),
            name: name.as_str().into(),
            kind: self.kind(&field.kind(), field.is_group()),
            count,
            is_implicit: false,
            is_required: false,
            oneof: None,
        };
        (compiled, name)
    }

    fn kind(&mut self, kind: &prost_reflect::Kind, is_group: bool) -> Kind {
        use prost_reflect::Kind as Of;
        match kind {
            Of::Double => Kind::Double,
            Of::Float => Kind::Float,
            Of::Int32 => Kind::Int32,
            Of::Int64 => Kind::Int64,
            Of::Uint32 => Kind::Uint32,
            Of::Uint64 => Kind::Uint64,
            Of::Sint32 => Kind::Sint32,
            Of::Sint64 => Kind::Sint64,
            Of::Fixed32 => Kind::Fixed32,
            Of::Fixed64 => Kind::Fixed64,
            Of::Sfixed32 => Kind::Sfixed32,
            Of::Sfixed64 => Kind::Sfixed64,
            Of::Bool => Kind::Bool,
            Of::String => Kind::String,
            Of::Bytes => Kind::Bytes,
            Of::Enum(names) if names.full_name() == "google.protobuf.NullValue" => Kind::Null,
            Of::Enum(names) => Kind::Enum(self.names(names)),
            Of::Message(message) if is_group => Kind::Group(self.position(message)),
            Of::Message(message) => Kind::Message(self.position(message)),
        }
    }

    fn names(&mut self, names: &EnumDescriptor) -> u32 {
        let next = u32::try_from(self.enums.len()).unwrap_or(u32::MAX);
        let known = *self.known.entry(format!("enum {}", names.full_name())).or_insert(next);
        if known == next {
            let mut by_number: Vec<(i32, Box<str>)> =
                names.values().map(|value| (value.number(), value.name().into())).collect();
            let mut by_name: Vec<(Box<str>, i32)> =
                by_number.iter().map(|(number, name)| (name.clone(), *number)).collect();
            by_name.sort();
            by_number.sort_by_key(|(number, _)| *number); // Stable: of several names the first one counts.
            by_number.dedup_by_key(|(number, _)| *number);
            self.enums.push(Names { by_number: by_number.into(), by_name: by_name.into() });
        }
        known
    }
}

fn form_of(message: &MessageDescriptor) -> Form {
    if message.is_map_entry() {
        return Form::Entry;
    }
    match message.full_name().strip_prefix("google.protobuf.") {
        Some("Timestamp") => Form::Timestamp,
        Some("Duration") => Form::Duration,
        Some("Value") => Form::Any,
        Some("Struct" | "ListValue") => Form::Bare,
        Some(name) if name.ends_with("Value") && message.fields().len() == 1 => Form::Bare,
        _ => Form::Plain,
    }
}
