//! What the log promises, against simulated and real disks. `support` holds the ledger that all of these tests share.

mod damage;
mod disk;
mod faults;
mod foreign;
mod golden;
mod kill;
mod model;
mod mutants;
mod page;
mod power;
mod settings;
mod support;
mod threads;
