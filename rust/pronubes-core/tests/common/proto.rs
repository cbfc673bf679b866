//! `.proto` files as descriptor sets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

struct Sources(Vec<(String, String)>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let known = self.0.iter().find(|(known, _)| known == name);
        let (_, source) = known.ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, source)
    }
}

/// The descriptor set of a file, as base64.
pub fn descriptor_set(name: &str, source: &str) -> String {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Sources(vec![(name.to_owned(), source.to_owned())]));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler
        .include_imports(true)
        .include_source_info(false)
        .open_file(name)
        .unwrap_or_else(|error| panic!("{error:?}"));
    STANDARD.encode(compiler.encode_file_descriptor_set())
}
