//! The codec: shared vectors, round trips, mutated packets with an eye on the allocator.

mod allocator;
mod fuzz_checks;
mod mutation;
mod round_trip;
mod vectors;
