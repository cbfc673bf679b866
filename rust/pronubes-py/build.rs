//! Tells the module how it was built.

fn main() {
    for (name, from) in [("PRONUBES_PROFILE", "PROFILE"), ("PRONUBES_TARGET", "TARGET")] {
        println!("cargo::rustc-env={name}={}", std::env::var(from).unwrap_or_default());
    }
    println!("cargo::rerun-if-changed=build.rs");
}
