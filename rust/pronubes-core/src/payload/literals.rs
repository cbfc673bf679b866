//! The constants of a plan: texts and ready-made JSON that every message shares.

use crate::payload::{Kind, LiteralId};
use std::collections::HashMap;

/// One constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// What kind of value it is: text, object or array (numbers, truth values and null need no literal).
    pub kind: Kind,
    /// The text itself, or the JSON of an object or array.
    pub text: Box<str>,
    /// As it is written into a JSON document: quoted and escaped where it is text.
    pub json: Box<str>,
}

/// All constants of a plan, each kept once.
#[derive(Clone, Debug, Default)]
pub struct Literals {
    values: Vec<Literal>,
    known: HashMap<(bool, Box<str>), LiteralId>,
}

impl Literals {
    /// The literal for a text.
    pub fn add_text(&mut self, text: &str) -> LiteralId {
        let json = serde_json::Value::from(text).to_string();
        self.add(Literal { kind: Kind::Text, text: text.into(), json: json.into() })
    }

    /// The literal for an object or array, which is written as `value` says.
    pub fn add_composite(&mut self, value: &serde_json::Value) -> LiteralId {
        let json: Box<str> = value.to_string().into();
        let kind = if value.is_array() { Kind::Array } else { Kind::Object };
        self.add(Literal { kind, text: json.clone(), json })
    }

    /// A constant.
    #[inline]
    #[must_use]
    pub fn get(&self, id: LiteralId) -> Option<&Literal> {
        self.values.get(id.0 as usize)
    }

    /// The text of a constant; empty where there is none.
    #[inline]
    #[must_use]
    pub fn text(&self, id: LiteralId) -> &str {
        self.get(id).map_or("", |literal| &literal.text)
    }

    fn add(&mut self, literal: Literal) -> LiteralId {
        let next = LiteralId(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        let key = (literal.kind == Kind::Text, literal.text.clone());
        *self.known.entry(key).or_insert_with(|| {
            self.values.push(literal);
            next
        })
    }
}
