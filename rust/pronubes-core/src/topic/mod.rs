//! Topic names, MQTT filters and route filters: the rules of names, written once.
//!
//! Every other module takes names from here and does not check them again. The rules are those of MQTT 5.0 and 3.1.1
//! to the letter, because brokers and libraries differ from them and from each other (`#` and its parent level, empty
//! levels, `$` names). Names are never normalised: `a`, `/a` and `a/` are three topics (MQTT 5 §4.7.3-4).

mod error;
mod relation;
mod route_filter;
mod validate;

pub(crate) use error::excerpt;
pub use error::{TopicError, TopicErrorKind};
pub use relation::{covers, intersects};
pub(crate) use route_filter::{Level, span};
pub use route_filter::{RESERVED_NAMES, RouteFilter};
pub(crate) use validate::matches_valid;
pub use validate::{MAX_TOPIC_BYTES, topic_matches, validate_filter, validate_topic};
