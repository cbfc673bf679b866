//! Writes `docs/reference/steps.md` and `docs/reference/codecs.md` from the registries.

fn main() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
    std::fs::write(format!("{folder}/steps.md"), pronubes_core::transform::page())?;
    std::fs::write(format!("{folder}/codecs.md"), pronubes_core::payload::codec::page())
}
