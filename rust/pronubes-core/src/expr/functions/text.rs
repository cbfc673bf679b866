//! Texts: CEL's standard functions and its extension library `strings`. Positions count characters (Unicode code points).

use super::super::bounds::MAX_ELEMENTS;
use super::super::contents::Elements;
use super::super::scope::{Inputs, Scope};
use super::super::tree::Type;
use super::super::value::{MAX_TEXT, Number, ValueKind, kind_of, no_value, push, settled};
use super::{Action, Function, LIST, Library, NUMBER, TEXT, format};
use crate::payload::{Cell, Kind, Raw, Span, TextArena};
use crate::reason::Reason;

pub(super) const FUNCTIONS: &[Function] = &[
    standard("startsWith", starts_with),
    standard("endsWith", ends_with),
    standard("contains", contains),
    strings("lowerAscii", &[TEXT], Action::One(|cell, scope| changed(cell, scope, str::make_ascii_lowercase))),
    strings("upperAscii", &[TEXT], Action::One(|cell, scope| changed(cell, scope, str::make_ascii_uppercase))),
    strings("trim", &[TEXT], Action::One(|cell, scope| part(cell, scope, |text| Ok(text.trim())))),
    strings("charAt", &[TEXT, NUMBER], Action::Two(char_at)),
    strings("substring", &[TEXT, NUMBER, NUMBER], Action::Some(substring)).from(2),
    Function::new(Library::Strings, "indexOf", &[TEXT, TEXT, NUMBER], Type::Int, Action::Some(index_of))
        .method()
        .from(2),
    Function::new(Library::Strings, "lastIndexOf", &[TEXT, TEXT, NUMBER], Type::Int, Action::Some(last_index_of))
        .method()
        .from(2),
    strings("replace", &[TEXT, TEXT, TEXT, NUMBER], Action::Some(replace)).from(3),
    Function::new(Library::Strings, "split", &[TEXT, TEXT, NUMBER], Type::List, Action::Some(split)).method().from(2),
    strings("join", &[LIST, TEXT], Action::Some(join)).from(1),
    strings("reverse", &[TEXT], Action::One(reverse)),
    strings("format", &[TEXT, LIST], Action::Two(format::format)).checked(0, format::check),
    Function::new(Library::Strings, "strings.quote", &[TEXT], Type::Text, Action::One(quote)),
];

const fn standard(name: &'static str, action: fn(Cell, Cell, &mut Scope<'_>) -> Result<Cell, Reason>) -> Function {
    Function::new(Library::Standard, name, &[TEXT, TEXT], Type::Bool, Action::Two(action)).method()
}

const fn strings(name: &'static str, takes: &'static [super::Types], action: Action) -> Function {
    Function::new(Library::Strings, name, takes, Type::Text, action).method()
}

/// The text of a settled cell.
fn text_of<'t>(cell: Cell, inputs: &Inputs<'t>, arena: &'t TextArena) -> Result<&'t str, Reason> {
    match cell {
        Cell::Text(span) => Ok(arena.get(span)),
        Cell::Topic(span) => Ok(span.of_str(inputs.topic)),
        Cell::Literal(id) => Ok(inputs.literals.text(id)),
        Cell::Raw(Raw { kind: Kind::Text, start, end }) => {
            let inner = Span { start: start + 1, end: end.saturating_sub(1) }.of(inputs.payload);
            std::str::from_utf8(inner).map_err(|_| Reason::InvalidUtf8)
        }
        other => Err(no_value(other)),
    }
}

/// Appends to a text that is being made, up to the most that one may have.
pub(super) fn append(out: &mut String, text: &str) -> Result<(), Reason> {
    if out.len() + text.len() > MAX_TEXT {
        return Err(Reason::TextTooLong);
    }
    out.push_str(text);
    Ok(())
}

/// A text that is made of others; all that one message makes is bounded.
pub(super) fn make(
    scope: &mut Scope<'_>,
    write: impl FnOnce(&TextArena, &mut String) -> Result<(), Reason>,
) -> Result<Cell, Reason> {
    let made = scope.text.build(write)?;
    scope.check_room()?;
    Ok(Cell::Text(made))
}

fn starts_with(text: Cell, part: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (text, part) = (settled(text, scope)?, settled(part, scope)?);
    Ok(Cell::Bool(scope.bytes(text).starts_with(scope.bytes(part))))
}

fn ends_with(text: Cell, part: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (text, part) = (settled(text, scope)?, settled(part, scope)?);
    Ok(Cell::Bool(scope.bytes(text).ends_with(scope.bytes(part))))
}

fn contains(text: Cell, part: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (text, part) = (settled(text, scope)?, settled(part, scope)?);
    Ok(Cell::Bool(memchr::memmem::find(scope.bytes(text), scope.bytes(part)).is_some()))
}

fn changed(cell: Cell, scope: &mut Scope<'_>, change: fn(&mut str)) -> Result<Cell, Reason> {
    let (cell, inputs) = (settled(cell, scope)?, scope.inputs);
    make(scope, |arena, out| {
        append(out, text_of(cell, inputs, arena)?)?;
        change(out);
        Ok(())
    })
}

/// A part of a text.
fn part(cell: Cell, scope: &mut Scope<'_>, choose: impl FnOnce(&str) -> Result<&str, Reason>) -> Result<Cell, Reason> {
    let (cell, inputs) = (settled(cell, scope)?, scope.inputs);
    make(scope, |arena, out| append(out, choose(text_of(cell, inputs, arena)?)?))
}

/// A whole number that counts characters.
fn position(cell: Cell, scope: &Scope<'_>) -> Result<usize, Reason> {
    match Number::of(cell, scope.inputs.payload)? {
        Number::Int(value) => usize::try_from(value).map_err(|_| Reason::IndexOutOfRange),
        Number::UInt(_) => Err(Reason::IndexOutOfRange),
        Number::Double(_) => Err(Reason::WrongType),
    }
}

/// Where the character of this number begins; the end of the text is a place too.
fn byte_of(text: &str, position: usize) -> Result<usize, Reason> {
    if text.is_ascii() {
        return if position <= text.len() { Ok(position) } else { Err(Reason::IndexOutOfRange) };
    }
    let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    places.nth(position).ok_or(Reason::IndexOutOfRange)
}

fn char_at(cell: Cell, at: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let position = position(at, scope)?;
    part(cell, scope, |text| {
        let start = byte_of(text, position)?;
        let length = text[start..].chars().next().map_or(0, char::len_utf8);
        Ok(&text[start..start + length])
    })
}

fn substring(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let [cell, start, ref end @ ..] = *values else { return Err(Reason::WrongType) };
    let start = position(start, scope)?;
    let end = end.first().map(|end| position(*end, scope)).transpose()?;
    part(cell, scope, |text| {
        let first = byte_of(text, start)?;
        let last = end.map_or(Ok(text.len()), |end| byte_of(text, end))?;
        text.get(first..last).ok_or(Reason::IndexOutOfRange)
    })
}

/// The number of the character at a place.
fn found(text: &str, place: Option<usize>) -> Cell {
    let characters = place.and_then(|place| text.get(..place)).map(|before| before.chars().count());
    Cell::Int(characters.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1))
}

fn index_of(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let [text, wanted, ref from @ ..] = *values else { return Err(Reason::WrongType) };
    let from = from.first().map_or(Ok(0), |from| position(*from, scope))?;
    let (text, wanted) = (settled(text, scope)?, settled(wanted, scope)?);
    let (text, wanted) = (scope.str(text)?, scope.str(wanted)?);
    let start = byte_of(text, from)?;
    Ok(found(text, text[start..].find(wanted).map(|at| at + start)))
}

/// The last place at or before a position.
fn last_index_of(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let [text, wanted, ref up_to @ ..] = *values else { return Err(Reason::WrongType) };
    let up_to = up_to.first().map(|up_to| position(*up_to, scope)).transpose()?;
    let (text, wanted) = (settled(text, scope)?, settled(wanted, scope)?);
    let (text, wanted) = (scope.str(text)?, scope.str(wanted)?);
    let end = match up_to {
        Some(up_to) => byte_of(text, up_to)?.saturating_add(wanted.len()).min(text.len()),
        None => text.len(),
    };
    let searched = memchr::memmem::rfind(&text.as_bytes()[..end], wanted.as_bytes());
    Ok(found(text, searched))
}

fn replace(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let [text, wanted, new, ref most @ ..] = *values else { return Err(Reason::WrongType) };
    let most = most.first().map_or(Ok(usize::MAX), |most| limit(*most, scope))?;
    let (text, wanted, new) = (settled(text, scope)?, settled(wanted, scope)?, settled(new, scope)?);
    let inputs = scope.inputs;
    make(scope, |arena, out| {
        let (text, wanted) = (text_of(text, inputs, arena)?, text_of(wanted, inputs, arena)?);
        let new = text_of(new, inputs, arena)?;
        let mut copied = 0;
        for (at, _) in text.match_indices(wanted).take(most) {
            append(out, &text[copied..at])?;
            append(out, new)?;
            copied = at + wanted.len();
        }
        append(out, &text[copied..])
    })
}

/// How many there may be; a negative number means any.
fn limit(cell: Cell, scope: &Scope<'_>) -> Result<usize, Reason> {
    match Number::of(cell, scope.inputs.payload)? {
        Number::Int(value) => Ok(usize::try_from(value).unwrap_or(usize::MAX)),
        Number::UInt(_) => Ok(usize::MAX),
        Number::Double(_) => Err(Reason::WrongType),
    }
}

/// The pieces between the separators; without one, the characters.
fn split(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let [text, separator, ref most @ ..] = *values else { return Err(Reason::WrongType) };
    let most = most.first().map_or(Ok(usize::MAX), |most| limit(*most, scope))?;
    let separator = settled(separator, scope)?;
    let text = copied(text, scope)?;
    let begun = scope.text.begin_list();
    if let Err(reason) = push_pieces(text, separator, most, scope) {
        scope.text.drop_list(begun);
        return Err(reason);
    }
    let list = scope.text.end_list(begun);
    scope.text.spend(u32::try_from(list.len()).unwrap_or(u32::MAX));
    scope.check_room()?;
    Ok(Cell::List(list))
}

fn push_pieces(text: Span, separator: Cell, most: usize, scope: &mut Scope<'_>) -> Result<(), Reason> {
    let mut rest = text;
    if text.is_empty() && text_of(separator, scope.inputs, scope.text)?.is_empty() {
        return Ok(());
    }
    for count in 1..=MAX_ELEMENTS.min(most) {
        let separator = text_of(separator, scope.inputs, scope.text)?;
        let found = if count == most { None } else { next_piece(scope.text.get(rest), separator) };
        let Some((length, skipped)) = found else {
            scope.text.push_element(Cell::Text(rest));
            return Ok(());
        };
        let end = rest.start + u32::try_from(length).unwrap_or_default();
        scope.text.push_element(Cell::Text(Span { start: rest.start, end }));
        rest.start = end + u32::try_from(skipped).unwrap_or_default();
        if skipped == 0 && rest.is_empty() {
            return Ok(()); // That was the last character.
        }
    }
    if most == 0 { Ok(()) } else { Err(Reason::ExpressionLimit) }
}

/// The length of the next piece and of what separates it from the rest; none for the last one.
fn next_piece(rest: &str, separator: &str) -> Option<(usize, usize)> {
    if separator.is_empty() {
        return rest.chars().next().map(|first| (first.len_utf8(), 0));
    }
    rest.find(separator).map(|at| (at, separator.len()))
}

/// The text in the arena.
pub(super) fn copied(cell: Cell, scope: &mut Scope<'_>) -> Result<Span, Reason> {
    let text = settled(cell, scope)?;
    if let Cell::Text(span) = text {
        return Ok(span);
    }
    let mark = scope.text.mark();
    push(text, scope)?;
    Ok(scope.text.since(mark))
}

fn join(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let [list, ref separator @ ..] = *values else { return Err(Reason::WrongType) };
    let separator = separator.first().map(|separator| settled(*separator, scope)).transpose()?;
    if kind_of(list)? != ValueKind::Array {
        return Err(Reason::WrongType);
    }
    let mut elements = Elements::of(list, scope)?;
    let begun = scope.text.begin_list();
    // Escapes are decoded first, because they need the arena.
    while let Some(element) = elements.next(scope) {
        match settled(element, scope) {
            Ok(text) => scope.text.push_element(text),
            Err(reason) => {
                scope.text.drop_list(begun);
                return Err(reason);
            }
        }
    }
    let list = scope.text.end_list(begun);
    let inputs = scope.inputs;
    make(scope, |arena, out| {
        for (number, element) in arena.cells(list).iter().enumerate() {
            if let Some(separator) = separator.filter(|_| number > 0) {
                append(out, text_of(separator, inputs, arena)?)?;
            }
            append(out, text_of(*element, inputs, arena)?)?;
        }
        Ok(())
    })
}

fn reverse(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (cell, inputs) = (settled(cell, scope)?, scope.inputs);
    make(scope, |arena, out| {
        let text = text_of(cell, inputs, arena)?;
        if text.len() > MAX_TEXT {
            return Err(Reason::TextTooLong);
        }
        out.extend(text.chars().rev());
        Ok(())
    })
}

/// The text in quotes, with escapes where it would not show.
fn quote(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (cell, inputs) = (settled(cell, scope)?, scope.inputs);
    make(scope, |arena, out| {
        append(out, "\"")?;
        for character in text_of(cell, inputs, arena)?.chars() {
            let mut buffer = [0; 4];
            append(
                out,
                match character {
                    '\u{7}' => "\\a",
                    '\u{8}' => "\\b",
                    '\u{c}' => "\\f",
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    '\u{b}' => "\\v",
                    '\\' => "\\\\",
                    '"' => "\\\"",
                    other => other.encode_utf8(&mut buffer),
                },
            )?;
        }
        append(out, "\"")
    })
}
