//! The engine of pronubes: topics, payloads, expressions, transforms and routing.
//!
//! It is pure so that it can be tested, fuzzed and measured alone: no socket, no file, no clock, no Python. Whoever
//! embeds it passes bytes and the time in and takes outcomes out. It refuses to guess: what is not right about a
//! message is an outcome with a [`Reason`], what is not right about a configuration is an error with a position.

pub mod catalog;
pub mod contract;
pub mod error;
pub mod explanation;
pub mod expr;
pub mod matcher;
pub mod message;
pub mod namespace;
pub mod outcome;
pub mod payload;
pub mod plan;
pub mod reason;
pub mod record;
pub mod router;
pub mod spec;
mod state;
pub mod stats;
pub mod tables;
pub mod template;
pub mod topic;
pub mod transform;

pub use error::{PathPart, SpecError};
pub use explanation::Explanation;
pub use matcher::RouteId;
pub use message::{Message, Meta, SinkId, SourceId};
pub use outcome::{Emission, HookCall, HookId, Outlet, Quarantined, ResumePoint, Resumed, Routed};
pub use plan::Plan;
pub use reason::Reason;
pub use router::{Coverage, RouteCoverage, Router, Single, StateStats, StepCoverage};
pub use state::{Restored, StateCursor};
pub use stats::{RouteStats, RouterStats, SourceStats};
