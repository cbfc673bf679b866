"""Configuration: YAML to a checked model to what Rust compiles."""
