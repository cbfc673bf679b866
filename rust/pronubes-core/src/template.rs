//! Topic templates: the name under which a message leaves a route, `acme/{area}/{line}/{payload.tag}`.
//!
//! A template is taken apart once. What depends on the topic alone ([`Template::is_static`]) is rendered once per topic
//! and remembered; only `{payload.x}` and `{key}` cost something per message. Rendering allocates nothing and never
//! makes a name that MQTT refuses: a value cannot add or remove a level, carry a wildcard or NUL, or start a `$` name,
//! because then a device could choose whose topic it writes to.

use std::fmt;

use crate::Reason;
use crate::payload::Span;
use crate::topic::{MAX_TOPIC_BYTES, RESERVED_NAMES, RouteFilter, excerpt};

/// What a template may name besides the captures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TemplateOptions {
    /// `{key}` is available: the route explodes its payload.
    pub allow_key: bool,
    /// The last capture is a `{name#}`, which may hold several levels.
    pub has_tail_capture: bool,
    /// Values may have `+`, `#`, NUL and `$`, because whoever renders escapes them afterwards.
    pub is_escaped: bool,
}

impl TemplateOptions {
    /// The options for the templates of a route with this filter.
    #[must_use]
    pub fn for_route(filter: &RouteFilter, allow_key: bool) -> Self {
        Self { allow_key, has_tail_capture: filter.has_tail_capture(), is_escaped: false }
    }
}

/// One piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    /// A capture, by its number; one level or a part of one.
    Capture(usize),
    /// A `{name#}` capture, by its number; several levels, always the last part.
    CaptureTail(usize),
    /// A payload field, by its number in [`Template::payload_paths`].
    PayloadField(usize),
    /// The member name that `explode` gives.
    Key,
}

/// A parsed topic template.
///
/// ```
/// use pronubes_core::template::{Template, TemplateOptions};
/// use pronubes_core::topic::RouteFilter;
/// let filter = RouteFilter::parse("raw/{area}/{tag}").unwrap();
/// let options = TemplateOptions::for_route(&filter, false);
/// let template = Template::parse("acme/{area}/{tag}", filter.captures(), options).unwrap();
/// let (topic, mut spans, mut out) = ("raw/filling/t1", Vec::new(), Vec::new());
/// filter.matches(topic, &mut spans);
/// template.render_static(topic, &spans, &mut out).unwrap();
/// assert_eq!(out, b"acme/filling/t1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    parts: Box<[Part]>,
    /// How many parts at the front depend on the topic alone.
    head: usize,
    payload_paths: Box<[Box<str>]>,
    is_escaped: bool,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Byte offset of what was found.
    pub offset: usize,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
    /// What to do, where that is more than `expected` says.
    pub hint: Option<&'static str>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found `{}` in the topic template, expected {}.", self.found, self.expected)?;
        self.hint.map_or(Ok(()), |hint| write!(f, " {hint}"))
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Parses a template; `captures` are the names it may use, in the order of the spans it will be given.
    ///
    /// # Errors
    /// The first thing in `text` that is neither literal text nor a known placeholder, or that could never be part of
    /// a topic.
    pub fn parse(text: &str, captures: &[Box<str>], options: TemplateOptions) -> Result<Self, TemplateError> {
        if text.is_empty() {
            let hint = Some("Leave `topic` out to keep the name.");
            return Err(TemplateError { hint, ..error(0, "", "a topic of at least one character") });
        }
        let mut parser = Parser { captures, options, parts: Vec::new(), payload_paths: Vec::new() };
        let mut rest = text;
        while !rest.is_empty() {
            let offset = text.len() - rest.len();
            rest = match rest.find(['{', '}']) {
                Some(0) => parser.placeholder(rest, offset)?,
                position => {
                    let (literal, after) = rest.split_at(position.unwrap_or(rest.len()));
                    parser.literal(literal, offset, after.starts_with('{'))?;
                    after
                }
            };
        }
        parser.finish(text)
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the result depends on the topic alone, so that it can be rendered once per topic.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.head == self.parts.len()
    }

    /// Whether `{key}` stands in it.
    #[must_use]
    pub fn uses_key(&self) -> bool {
        self.parts.contains(&Part::Key)
    }

    /// The dotted paths of the payload fields that it names, each once, without the leading `payload.`.
    #[must_use]
    pub fn payload_paths(&self) -> &[Box<str>] {
        &self.payload_paths
    }

    /// Renders a template for which [`Template::is_static`] holds, onto the end of `out`.
    ///
    /// # Errors
    /// As [`Template::render`]; a payload field is [`Reason::MissingField`].
    pub fn render_static(&self, topic: &str, captures: &[Span], out: &mut Vec<u8>) -> Result<(), Reason> {
        self.render(topic, captures, |_, _| Err(Reason::MissingField), None, out)
    }

    /// Renders onto the end of `out`; on an error `out` is as it was.
    ///
    /// `payload_value(n, out)` appends the text of field `n` of [`Template::payload_paths`], unescaped UTF-8, to `out`
    /// and touches nothing before it, or gives the reason why there is none. This way a value is copied once and nothing is
    /// allocated. `key` is the member name of an exploding route.
    ///
    /// # Errors
    /// [`Reason::TemplateEmptyValue`], [`Reason::TemplateIllegalValue`], [`Reason::TopicTooLong`], what `payload_value`
    /// gives, and [`Reason::MissingField`] for a `{key}` without key.
    pub fn render(
        &self,
        topic: &str,
        captures: &[Span],
        payload_value: impl FnMut(usize, &mut Vec<u8>) -> Result<(), Reason>,
        key: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let start = out.len();
        self.render_parts(&self.parts, (topic, captures), payload_value, key, (start, out))
    }

    /// Renders what comes first and depends on the topic alone; [`Template::render_behind`] goes on, as often as wanted.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_head(&self, topic: &str, captures: &[Span], out: &mut Vec<u8>) -> Result<(), Reason> {
        let (parts, start) = (self.parts.get(..self.head).unwrap_or_default(), out.len());
        self.render_parts(parts, (topic, captures), |_, _| Err(Reason::MissingField), None, (start, out))
    }

    /// As [`Template::render`], with a copy of what [`Template::render_head`] gave as its beginning.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_behind(
        &self,
        head: &[u8],
        topic: (&str, &[Span]),
        payload_value: impl FnMut(usize, &mut Vec<u8>) -> Result<(), Reason>,
        key: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let (parts, start) = (self.parts.get(self.head..).unwrap_or_default(), out.len());
        out.extend_from_slice(head);
        self.render_parts(parts, topic, payload_value, key, (start, out))
    }

    /// Renders parts of a name that begins at `start` of `out`.
    fn render_parts(
        &self,
        parts: &[Part],
        (topic, captures): (&str, &[Span]),
        mut payload_value: impl FnMut(usize, &mut Vec<u8>) -> Result<(), Reason>,
        key: Option<&str>,
        (start, out): (usize, &mut Vec<u8>),
    ) -> Result<(), Reason> {
        let mut render_parts = || {
            for part in parts {
                let value_start = out.len();
                match part {
                    Part::Literal(text) => {
                        out.extend_from_slice(text.as_bytes());
                        continue;
                    }
                    Part::Capture(number) | Part::CaptureTail(number) => {
                        out.extend_from_slice(captures.get(*number).map_or("", |span| span.of_str(topic)).as_bytes());
                    }
                    Part::PayloadField(number) => payload_value(*number, out)?,
                    Part::Key => out.extend_from_slice(key.ok_or(Reason::MissingField)?.as_bytes()),
                }
                let value = out.get(value_start..).unwrap_or_default();
                let is_tail = matches!(part, Part::CaptureTail(_));
                check_value(value, is_tail, value_start == start, self.is_escaped)?;
            }
            if out.len() - start > MAX_TOPIC_BYTES { Err(Reason::TopicTooLong) } else { Ok(()) }
        };
        render_parts().inspect_err(|_| out.truncate(start))
    }
}

/// What a byte of a value may be: a character with a meaning in filters, or the separator of levels.
const FILTER: u8 = 1;
const SEPARATOR: u8 = 2;
const MEANINGS: [u8; 256] = {
    let mut meanings = [0; 256];
    meanings[b'+' as usize] = FILTER;
    meanings[b'#' as usize] = FILTER;
    meanings[0] = FILTER;
    meanings[b'/' as usize] = SEPARATOR;
    meanings
};

/// A value fills a level or a part of one; only a tail capture may bring level separators of its own.
fn check_value(value: &[u8], is_tail: bool, is_first: bool, is_escaped: bool) -> Result<(), Reason> {
    if value.is_empty() {
        return Err(Reason::TemplateEmptyValue);
    }
    let illegal = if is_escaped { 0 } else { FILTER } | if is_tail { 0 } else { SEPARATOR };
    let meanings = value.iter().fold(0, |found, byte| found | MEANINGS[usize::from(*byte)]);
    if meanings & illegal != 0 || (is_first && !is_escaped && value.starts_with(b"$")) {
        return Err(Reason::TemplateIllegalValue);
    }
    Ok(())
}

struct Parser<'a> {
    captures: &'a [Box<str>],
    options: TemplateOptions,
    parts: Vec<Part>,
    payload_paths: Vec<Box<str>>,
}

impl Parser<'_> {
    fn literal(&mut self, text: &str, offset: usize, before_brace: bool) -> Result<(), TemplateError> {
        if let Some(at) = text.find(['+', '#', '\0']) {
            let found: String = text[at..].chars().take(1).collect();
            let hint = Some("A template gives one name: use `{name}` for a level that the filter captured.");
            return Err(TemplateError { hint, ..error(offset + at, &found, "a topic without `+`, `#` and NUL") });
        }
        if before_brace && text.ends_with('$') {
            let hint = Some("`${name}` is a variable of `vars` and must be replaced before; `{name}` is a capture.");
            return Err(TemplateError {
                hint,
                ..error(offset + text.len() - 1, "${", "a placeholder such as `{name}`")
            });
        }
        self.parts.push(Part::Literal(text.into()));
        Ok(())
    }

    /// Takes the placeholder at the start of `rest` and gives what follows it.
    fn placeholder<'t>(&mut self, rest: &'t str, offset: usize) -> Result<&'t str, TemplateError> {
        let inside = rest.strip_prefix('{').and_then(|text| text.split_once('}'));
        let Some((name, after)) = inside.filter(|(name, _)| !name.contains('{')) else {
            let found = if rest.starts_with('}') { "}" } else { "{" };
            return Err(error(offset, found, "braces in pairs around a name, as in `{name}`"));
        };
        let part = self.resolve(name, offset)?;
        if matches!(part, Part::CaptureTail(_)) && !after.is_empty() {
            let hint = Some("It holds all that is left of the topic, so only the end of the template can take it.");
            let expected = format!("nothing behind `{{{name}}}`");
            return Err(TemplateError { hint, ..error(offset + name.len() + 2, after, &expected) });
        }
        self.parts.push(part);
        Ok(after)
    }

    fn resolve(&mut self, name: &str, offset: usize) -> Result<Part, TemplateError> {
        if name == "key" {
            let hint = Some("`{key}` is there only in a route with an `explode` step.");
            let missing = || TemplateError { hint, ..error(offset, "{key}", &self.choices()) };
            return self.options.allow_key.then_some(Part::Key).ok_or_else(missing);
        }
        if let Some(path) = name.strip_prefix("payload.") {
            return self.payload_field(path, offset);
        }
        if let Some(number) = self.captures.iter().position(|capture| **capture == *name) {
            let is_tail = self.options.has_tail_capture && number + 1 == self.captures.len();
            return Ok(if is_tail { Part::CaptureTail(number) } else { Part::Capture(number) });
        }
        Err(TemplateError { hint: self.hint(name), ..error(offset, &format!("{{{name}}}"), &self.choices()) })
    }

    fn payload_field(&mut self, path: &str, offset: usize) -> Result<Part, TemplateError> {
        if path.split('.').any(str::is_empty) {
            return Err(error(offset, &format!("{{payload.{path}}}"), "a field, as in `{payload.motor.id}`"));
        }
        let known = self.payload_paths.iter().position(|taken| **taken == *path);
        Ok(Part::PayloadField(known.unwrap_or_else(|| {
            self.payload_paths.push(path.into());
            self.payload_paths.len() - 1
        })))
    }

    fn hint(&self, name: &str) -> Option<&'static str> {
        let bare = name.strip_suffix('#').unwrap_or(name);
        if bare != name && self.captures.iter().any(|capture| **capture == *bare) {
            return Some("In a template the name stands without `#`.");
        }
        match name {
            "topic" => Some("Leave `topic` out of the route to keep the name."),
            "payload" => Some("Name a field, as in `{payload.id}`."),
            _ if RESERVED_NAMES.contains(&name) || name.starts_with("meta.") || name.starts_with("vars.") => {
                Some("A topic is made of captures, `{key}` and `{payload.x}`; variables are written `${name}`.")
            }
            _ => None,
        }
    }

    /// The placeholders that would be right here, for an error.
    fn choices(&self) -> String {
        let mut names: Vec<String> = self.captures.iter().map(|name| format!("`{{{name}}}`")).collect();
        if self.options.allow_key {
            names.push("`{key}`".to_owned());
        }
        names.push("`{payload.x}`".to_owned());
        match names.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => names.concat(),
        }
    }

    fn finish(self, text: &str) -> Result<Template, TemplateError> {
        let literal_bytes = |part: &Part| if let Part::Literal(text) = part { text.len() } else { 1 };
        if self.parts.iter().map(literal_bytes).sum::<usize>() > MAX_TOPIC_BYTES {
            return Err(error(0, text, "a topic of at most 65,535 bytes"));
        }
        let is_escaped = self.options.is_escaped;
        let is_late = |part: &Part| matches!(part, Part::PayloadField(_) | Part::Key);
        Ok(Template {
            text: text.into(),
            head: self.parts.iter().position(is_late).unwrap_or(self.parts.len()),
            parts: self.parts.into(),
            payload_paths: self.payload_paths.into(),
            is_escaped,
        })
    }
}

fn error(offset: usize, found: &str, expected: &str) -> TemplateError {
    TemplateError { offset, found: excerpt(found).into(), expected: expected.to_owned(), hint: None }
}
