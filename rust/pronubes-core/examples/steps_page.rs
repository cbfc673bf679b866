//! Writes `docs/reference/steps.md` from the registry of steps.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/steps.md");
    std::fs::write(path, pronubes_core::transform::page())
}
