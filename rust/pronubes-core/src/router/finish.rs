//! The end of a route: topics are rendered, then the message leaves for every target, or for none.

use super::run::Run;
use super::trace::Trace;
use super::work::{Heads, Names};
use crate::Reason;
use crate::expr::Inputs;
use crate::outcome::{Emission, Outlet};
use crate::payload::{Cell, Kind, Literals, Span, TextArena, number, text};
use crate::plan::{About, Failure, TargetName};
use crate::template::Template;

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Emits a payload to all targets.
    pub(super) fn finish(
        &mut self,
        payload: &[u8],
        cells: &[Cell],
        inputs: &Inputs<'_>,
        arena: &mut TextArena,
        key: Option<&str>,
    ) -> Result<(), Failure<'p>> {
        self.check_static_names()?;
        if !self.route.has_static_names_only {
            render(self.route, cells, inputs, arena, key, self.names)?;
        }
        self.publish(payload)?;
        for (index, target) in self.route.targets.iter().enumerate() {
            let topic = match target.name {
                // A copy is walked: the names are an iterator, and the next target begins at the first again.
                TargetName::Static(number) => match self.static_names.clone().nth(number) {
                    Some(Ok(name)) => name.text,
                    _ => continue, // They were checked above.
                },
                TargetName::Kept => self.new_topic.unwrap_or(self.message.topic).as_bytes(),
                TargetName::Rendered(template) => self.names.spans[template].of(&self.names.text),
            };
            self.emitted[usize::from(target.sink.0)] += 1;
            self.trace.emit(index, target.sink, topic, payload);
            self.outlet.emit(&Emission {
                route: self.id,
                target: u16::try_from(index).unwrap_or(u16::MAX),
                sink: target.sink,
                topic,
                payload,
                source_ns: self.source_ns,
                qos: target.qos,
                retain: target.retain,
            });
        }
        Ok(())
    }

    fn check_static_names(&mut self) -> Result<(), Failure<'p>> {
        for (number, name) in self.static_names.enumerate() {
            if let Err((reason, name)) = name {
                let template = self.route.templates.iter().filter(|template| template.is_static()).nth(number);
                if template.is_none() && self.new_topic.is_some() {
                    continue; // It is the topic's own name, and a hook gave another.
                }
                return Err(self.refused(reason, name, template.map(Template::as_str)));
            }
        }
        Ok(())
    }
}

/// Renders the templates that depend on more than the topic.
fn render<'p>(
    route: &'p crate::plan::Route,
    cells: &[Cell],
    inputs: &Inputs<'_>,
    arena: &mut TextArena,
    key: Option<&str>,
    names: &mut Names,
) -> Result<(), Failure<'p>> {
    let Names { text, spans, heads, .. } = names;
    text.clear();
    spans.clear();
    let failed = |reason, template: &'p Template| Failure::new(reason, About::Template(template.as_str()));
    for (index, (template, slots)) in route.templates.iter().zip(&*route.template_slots).enumerate() {
        let start = text.len();
        if !template.is_static() {
            let value = |number: usize, out: &mut Vec<u8>| {
                let cell = slots.get(number).and_then(|slot| cells.get(usize::from(slot.0)));
                push_text(cell.copied().unwrap_or(Cell::Missing), inputs, arena, out)
            };
            let topic = (inputs.topic, inputs.captures);
            let rendered = match key {
                Some(_) => heads
                    .get(index, template, topic)
                    .and_then(|head| template.render_behind(head, topic, value, key, text)),
                None => template.render(topic.0, topic.1, value, key, text),
            };
            rendered.map_err(|reason| failed(reason, template))?;
        }
        spans.push(span(start, text.len()));
    }
    Ok(())
}

impl Heads {
    /// How the name of template number `index` begins.
    #[inline]
    fn get(&mut self, index: usize, template: &Template, topic: (&str, &[Span])) -> Result<&[u8], Reason> {
        if self.spans.len() <= index {
            self.render(index, template, topic)?;
        }
        Ok(self.spans.get(index).map_or(&[], |span| span.of(&self.text)))
    }

    #[inline(never)]
    fn render(&mut self, index: usize, template: &Template, (topic, captures): (&str, &[Span])) -> Result<(), Reason> {
        if self.spans.is_empty() {
            self.text.clear();
        }
        // Static templates have none.
        self.spans.resize(index, Span::default());
        let start = self.text.len();
        template.render_head(topic, captures, &mut self.text)?;
        self.spans.push(span(start, self.text.len()));
        Ok(())
    }
}

/// A part of rendered text, which is far below 2^32 bytes long.
fn span(start: usize, end: usize) -> Span {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: place(start), end: place(end) }
}

/// Appends a scalar as it reads in a topic.
fn push_text(cell: Cell, inputs: &Inputs<'_>, arena: &mut TextArena, out: &mut Vec<u8>) -> Result<(), Reason> {
    match cell {
        Cell::Raw(raw) => match raw.kind {
            Kind::Text => out.extend_from_slice(text::inner(inputs.payload, raw)),
            Kind::EscapedText => {
                let span = text::decode(inputs.payload, raw, arena);
                out.extend_from_slice(arena.get(span).as_bytes());
            }
            Kind::Integer | Kind::Decimal | Kind::True | Kind::False => {
                out.extend_from_slice(raw.span().of(inputs.payload));
            }
            Kind::Null | Kind::Object | Kind::Array => return Err(Reason::WrongType),
        },
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => number::write_int(out, value),
        Cell::UInt(value) => number::write_uint(out, value),
        Cell::Double(value) => return number::write_f64(out, value),
        Cell::Text(span) => out.extend_from_slice(arena.get(span).as_bytes()),
        Cell::Topic(span) => out.extend_from_slice(span.of_str(inputs.topic).as_bytes()),
        Cell::Literal(id) => out.extend_from_slice(text_of(inputs.literals, id)?.as_bytes()),
        Cell::Missing => return Err(Reason::MissingField),
        Cell::Duplicate => return Err(Reason::DuplicateKey),
        Cell::Null | Cell::Composite | Cell::List(_) | Cell::Map(_) | Cell::Time(..) | Cell::Duration(_) => {
            return Err(Reason::WrongType);
        }
    }
    Ok(())
}

fn text_of(literals: &Literals, id: crate::payload::LiteralId) -> Result<&str, Reason> {
    let literal = literals.get(id).filter(|literal| literal.kind == Kind::Text);
    literal.map(|literal| &*literal.text).ok_or(Reason::WrongType)
}
