//! The session against a broker that tests play by hand, on a virtual clock.

mod broker;
mod flow;
