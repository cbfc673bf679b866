//! The reference page of the steps, from the registry.

use std::fmt::Write;

use super::docs;

/// The text of `docs/reference/steps.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for doc in docs() {
        // A `String` takes every write.
        let _ = write!(page, "\n## `{}`\n\n{}\n\n| argument | is | means |\n|---|---|---|\n", doc.verb, doc.summary);
        for argument in doc.arguments {
            let name =
                if argument.name.is_empty() { "(the step itself)".to_owned() } else { format!("`{}`", argument.name) };
            let _ = writeln!(page, "| {name} | {} | {} |", argument.kind, argument.text);
        }
        page.push('\n');
        for rule in doc.rules {
            let _ = writeln!(page, "* {rule}");
        }
        let _ = write!(page, "\n```\nstep    {}\ninput   {}\n", doc.example.step, doc.example.input);
        for line in doc.example.output.lines() {
            let _ = writeln!(page, "output  {line}");
        }
        page.push_str("```\n");
    }
    page
}

const HEAD: &str = "# Steps

<!-- Written by `cargo run -p pronubes-core --example steps_page`: change rust/pronubes-core/src/transform, then run it. -->

Steps run in order. Each sees what the one before left, and so does its own `where:`; the `where:` of the route sees the original.

* A field is named by its path: `value`, `motor.temp`, `points.0` (an element of an array). A key that has a dot in it stands in quotes:
  `motor.\"a.b\"`.
* What no step touches stays as it was written: text of numbers, escapes, order, keys that stand twice, white space between neighbours that
  both stay. White space around the whole object goes.
* New fields go last, in the order in which they are made. A field that is written again stays in its place; one that was dropped and is made
  again goes last.
* Payloads must be JSON objects; another payload is `not_an_object`. When any step of a route says `from_scalar: true`, a bare scalar counts
  as `{\"value\": ...}` for the whole route, its `where:` included.
* A step that needs a field that is not there is `missing_field`. `keep`, `drop`, `rename` and `nest` ignore such fields.
* A field that a step touches and that stands twice is `duplicate_key`.
* A step that fails sends the message to the quarantine for this route only; other routes go on.
* A route without conditions, steps and payload fields in its topics does not look at payloads at all: any bytes pass.
* `on_change` to `combine` remember something of each tag: keys, clocks, restarts and memory are in [how to](../how-to/stateful-steps.md).
";
