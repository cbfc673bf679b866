//! The reference page of the codecs, from the registry.

use std::borrow::Cow;
use std::fmt::Write;

use super::docs;

/// The text of `docs/reference/codecs.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for doc in docs() {
        // A `String` takes every write.
        let _ = write!(page, "\n## `{}`\n\n{}\n\n", doc.name, doc.summary);
        if !doc.arguments.is_empty() {
            page.push_str("| argument | is | means |\n|---|---|---|\n");
        }
        for argument in doc.arguments {
            let _ = writeln!(page, "| `{}` | {} | {} |", argument.name, argument.kind, argument.text);
        }
        if !doc.arguments.is_empty() {
            page.push('\n');
        }
        for rule in doc.rules {
            let _ = writeln!(page, "* {rule}");
        }
        let example = doc.example;
        if let Some(schema) = example.schema {
            let _ = write!(page, "\n`{}`:\n\n```proto\n{}```\n", schema.name, schema.source);
        }
        let (arguments, json) = (example.arguments, example.json);
        let (kind, payload) = written(example.payload);
        let _ = write!(page, "\n```\ncodec   {{{}: {arguments}}}\n{kind}   {payload}\nJSON    {json}\n```\n", doc.name);
    }
    page
}

/// A payload as people read it: as text where it is some.
fn written(payload: &str) -> (&'static str, Cow<'_, str>) {
    let (pairs, _) = payload.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_shown = |byte: &u8| matches!(byte, b' '..=b'~');
    let text: Option<String> = pairs.iter().map(|pair| byte(pair).filter(is_shown).map(char::from)).collect();
    text.map_or(("bytes", Cow::Borrowed(payload)), |text| ("text ", Cow::Owned(text)))
}

const HEAD: &str = "# Codecs

<!-- Written by `cargo run -p pronubes-core --example steps_page`: change rust/pronubes-core/src/payload/codec, then run it. -->

Formats of the steps `decode` and `encode`: bytes become JSON in front of the other steps, JSON becomes bytes behind them. [A how-to](../how-to/codecs.md)
shows them at work.

* Integers of 64 bits are exact in both directions. A value that JSON cannot say (infinity, for one) is refused with a reason, never bent.
* `limits` of the configuration hold for the payload and for the JSON that is made of it; no length in a payload reserves memory.
* Bytes that a format has a type for become base64 text (RFC 4648 §4, with padding).
* `decode` undoes `encode` for everything that the format can say; number text in another spelling (`1e2`, `1.50`) comes back in the shortest.
";
