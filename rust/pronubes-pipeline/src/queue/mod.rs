//! Queues of messages: bytes in large segments, one small record per message, nothing allocated per message when warm.
//!
//! * [`Queue`]: messages in order of arrival; whatever waits for a hook, the quarantine's writer, a tap or a sink lies in one.
//! * [`SinkQueue`]: a queue with a size and a [`Policy`], which says who pays when a sink does not keep up.
//!
//! Messages leave one by one from the front ([`Queue::front`], [`Queue::pop`]) or a segment at a time ([`Queue::take`]), which is how a
//! batch reaches Python without a copy.

mod fifo;
mod load;
mod newest;
mod policy;
mod segment;
mod sink_queue;

pub use fifo::Queue;
pub use load::Load;
pub use policy::{DropReason, Drops, Gate, Policy};
pub use segment::{Item, Record, Segment, SegmentLimits};
pub use sink_queue::SinkQueue;
