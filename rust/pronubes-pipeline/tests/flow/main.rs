//! The whole data path between brokers, on a virtual clock: nothing is lost, nothing is acknowledged too early, ledgers balance.

mod acknowledging;
mod blocking;
mod broker;
mod chaos;
mod durable;
mod judging;
mod overload;
mod reloading;
mod replaying;
mod world;
