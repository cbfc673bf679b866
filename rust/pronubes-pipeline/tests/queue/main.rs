//! Queues of sinks: each policy against a model that is too simple to be wrong, and what the policies promise, case by case.

mod model;
mod policies;
mod promises;
