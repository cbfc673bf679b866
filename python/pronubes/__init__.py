"""pronubes: a Rust-accelerated stream router for plants."""
