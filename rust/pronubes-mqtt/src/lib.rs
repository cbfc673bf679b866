//! MQTT 3.1.1 and 5.0 without I/O: a codec for both directions and a client session.
//!
//! What: [`codec`] turns bytes into packets and back; [`Session`] is one client connection's whole state (packet ids, quotas,
//! timers, subscriptions). It is fed bytes and time and leaves bytes in its output buffer. Why: one owner of all protocol state
//! keeps the promises (an acknowledgement is sent when the caller says so, nothing in flight is forgotten), and a machine without
//! sockets and clocks is tested with tables and a virtual clock. It refuses: QoS 2, topic aliases, enhanced authentication
//! (places marked in the code, each answered with a named reason), and it never reserves memory by a length a peer announced.
//!
//! ```
//! use pronubes_mqtt::{Event, Publish, QoS, Session, SessionConfig, Version};
//!
//! let mut session = Session::new(SessionConfig::new(Version::V311, "press-4"));
//! session.opened(0);
//! let to_write = std::mem::take(session.output()); // CONNECT
//! assert_eq!(to_write[0], 0x10);
//! let mut published = Vec::new();
//! let mut on_event = |event: Event<'_>| {
//!     if let Event::Published { token } = event {
//!         published.push(token);
//!     }
//! };
//! session.receive(&[0x20, 2, 0, 0], 1_000_000, &mut on_event)?; // CONNACK
//! let message = Publish { topic: b"acme/press-4/temp", payload: b"21.5", qos: QoS::AtLeastOnce, ..Publish::default() };
//! session.publish(message, 77)?;
//! session.receive(&[0x40, 2, 0, 1], 2_000_000, &mut on_event)?; // PUBACK
//! assert_eq!(published, [77]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod codec;
mod error;
mod protocol;
pub mod reason;
pub mod session;

pub use error::{ProtocolError, PublishError};
pub use protocol::{QoS, Sender, Version};
pub use reason::{Reason, Retry};
pub use session::{
    AckHandle, Backoff, ConfigError, Event, Incoming, Limits, Publish, RetainHandling, Secret, Session, SessionConfig,
    State, Stats, Subscription, Will,
};
