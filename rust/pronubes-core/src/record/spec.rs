//! Shapes in specifications: by name, or field by field.

use serde::Deserialize;

use super::form::{QualityForm, TimeForm};

/// A shape: one that has a name, or fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a shape is a name or a map of fields, as in `{value: v, time: {field: t, as: unix_s}}`")]
pub enum ShapeSpec {
    /// One of those that have a name.
    Named(String),
    /// Fields; what is not named is not in the payload.
    Fields(Box<FieldsSpec>),
}

/// Where the members of a record stand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldsSpec {
    /// The value.
    pub value: String,
    /// The quality; as words where nothing else is said.
    pub quality: Option<FormedSpec<QualityForm>>,
    /// When the value was true; in milliseconds where nothing else is said.
    pub time: Option<FormedSpec<TimeForm>>,
    /// When it came in; in milliseconds where nothing else is said.
    pub received: Option<FormedSpec<TimeForm>>,
    /// The unit.
    pub unit: Option<String>,
    /// Where it comes from.
    pub origin: Option<String>,
}

/// A field, perhaps with how it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a field, or `{field: ..., as: ...}`")]
pub enum FormedSpec<F> {
    /// The field alone.
    Field(String),
    /// The field and its form.
    Formed {
        /// The field.
        field: String,
        /// How it is written.
        #[serde(rename = "as")]
        form: F,
    },
}

impl<F: Copy> FormedSpec<F> {
    /// The field and how it is written, which is `usual` where nothing is said.
    pub(crate) fn parts(&self, usual: F) -> (&str, F) {
        match self {
            Self::Field(field) => (field, usual),
            Self::Formed { field, form } => (field, *form),
        }
    }
}
