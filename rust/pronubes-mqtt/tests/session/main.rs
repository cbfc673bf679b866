//! The session against a broker that tests play by hand, on a virtual clock.

mod broker;
mod flow;
mod hostile;
mod limits;
mod lost_session;
mod slices;
mod subscribing;
mod timers;
