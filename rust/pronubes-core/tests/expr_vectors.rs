//! Runs the shared vectors of `tests/vectors/expr`: an expression, a message, and its value, reason or load errors.

mod expression;

use expression::json;
use pronubes_core::expr::{CallStyle, Expr, ExprCompiler, ExprError, Function, Inputs, Library, ParseCache, Vars};
use pronubes_core::message::Meta;
use pronubes_core::payload::{Cell, Limits, Literals, PathSetBuilder, Scan, Span, TextArena, scan};
use pronubes_core::reason::Reason;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One file of vectors: what all of its cases share, and the cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[expect(dead_code, reason = "for readers")]
    about: Value,
    #[serde(default)]
    message: MessageVector,
    cases: Vec<Case>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MessageVector {
    topic: String,
    captures: BTreeMap<String, String>,
    vars: Vars,
    source: String,
    qos: u8,
    retain: bool,
    received_ns: i64,
    source_ns: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    expression: String,
    /// The payload as a value, or as text where the spelling matters.
    payload: Option<Value>,
    payload_text: Option<String>,
    /// The member that `explode` would be at.
    key: Option<String>,
    /// Without a source time.
    #[serde(default)]
    no_source_time: bool,
    value: Option<Value>,
    /// The value is null.
    #[serde(default)]
    is_null: bool,
    reason: Option<String>,
    errors: Option<Vec<ErrorVector>>,
    /// What it gives as a condition, where that is not `value` or `reason`.
    condition: Option<Value>,
    /// The name of the case in the CEL specification's tests.
    #[expect(dead_code, reason = "for readers")]
    cel: Option<String>,
    /// How pronubes differs from CEL here.
    #[expect(dead_code, reason = "for readers and the documentation")]
    deviation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorVector {
    /// The faulty part, as it stands in the expression; empty for its end.
    at: String,
    /// Where it begins; only needed where `at` stands there more than once.
    offset: Option<usize>,
    /// A part of the message, of what is expected or of the hint.
    says: String,
}

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/expr");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the vectors are there").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

#[test]
fn every_vector_holds() {
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let vectors: Vectors = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).expect(&name);
        for case in &vectors.cases {
            count += 1;
            if let Err(failure) = run(case, &vectors.message) {
                failures.push(format!("{name}: {}\n    {failure}", case.expression));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} vectors fail:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 200, "only {count} vectors were found");
}

fn run(case: &Case, message: &MessageVector) -> Result<(), String> {
    let names: Vec<Box<str>> = message.captures.keys().map(|name| name.as_str().into()).collect();
    let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
    let mut compiler = ExprCompiler {
        captures: &names,
        vars: &message.vars,
        allow_key: case.key.is_some(),
        paths: &mut paths,
        literals: &mut literals,
        cache: &cache,
    };
    let expr = match (compiler.compile(&case.expression), &case.errors) {
        (Ok(expr), None) => expr,
        (Ok(expr), Some(_)) => return Err(format!("compiles to {}", expr.tree())),
        (Err(found), Some(wanted)) => return same_errors(&case.expression, &found, wanted),
        (Err(found), None) => return Err(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n    ")),
    };
    let payload = match (&case.payload, &case.payload_text) {
        (Some(value), None) => value.to_string(),
        (None, Some(text)) => text.clone(),
        _ => "{}".to_owned(),
    };
    let mut found = Scan::default();
    scan(payload.as_bytes(), &paths.build().expect("few paths"), &Limits::default(), &mut found)
        .expect("the payload is JSON");
    let (value, condition) = evaluate(&expr, &payload, &found.cells, case, message, &literals);
    let wanted = match &case.reason {
        Some(code) => Err(code.as_str()),
        None => Ok(if case.is_null { Value::Null } else { case.value.clone().ok_or("the case expects nothing")? }),
    };
    let shown = value.clone().map_err(Reason::code);
    if shown != wanted {
        return Err(format!("{}: gives {shown:?}, expected {wanted:?}", expr.tree()));
    }
    let wanted_condition = match (&case.condition, &wanted) {
        (Some(condition), _) => Ok(condition.clone()),
        (None, Ok(Value::Bool(value))) => Ok(Value::Bool(*value)),
        (None, Ok(_)) => Err("condition_not_bool"),
        (None, Err(code)) => Err(*code),
    };
    let condition = condition.map(Value::Bool).map_err(Reason::code);
    if condition == wanted_condition { Ok(()) } else { Err(format!("as a condition it gives {condition:?}")) }
}

fn same_errors(source: &str, found: &[ExprError], wanted: &[ErrorVector]) -> Result<(), String> {
    let shown = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n    ");
    let is_same = |(found, wanted): (&ExprError, &ErrorVector)| {
        let at = source.get(found.offset..found.offset + found.length);
        at == Some(&*wanted.at)
            && wanted.offset.is_none_or(|offset| offset == found.offset)
            && (!wanted.at.is_empty() || found.offset == source.len())
            && found.to_string().contains(&wanted.says)
    };
    if found.len() == wanted.len() && found.iter().zip(wanted).all(is_same) {
        return Ok(());
    }
    Err(format!("errors differ; expected {wanted:?}, found\n    {shown}"))
}

fn evaluate(
    expr: &Expr,
    payload: &str,
    cells: &[Cell],
    case: &Case,
    message: &MessageVector,
    literals: &Literals,
) -> (Result<Value, Reason>, Result<bool, Reason>) {
    let captures: Vec<Span> = message.captures.values().map(|capture| span_in(&message.topic, capture)).collect();
    let meta = Meta {
        qos: message.qos,
        retain: message.retain,
        received_ns: message.received_ns,
        source_ns: message.source_ns.filter(|_| !case.no_source_time),
    };
    let mut arena = TextArena::default();
    let key = case.key.as_ref().map_or(Cell::Missing, |key| {
        arena.push_str(key);
        Cell::Text(arena.since(0))
    });
    let inputs = Inputs {
        payload: payload.as_bytes(),
        topic: &message.topic,
        captures: &captures,
        meta: &meta,
        source: &message.source,
        key,
        literals,
        tables: &pronubes_core::tables::Tables::default(),
    };
    let mut scope = inputs.scope(cells, &mut arena);
    let condition = expr.eval_bool(&mut scope);
    let value = expr.eval(&mut scope);
    (value.and_then(|cell| json(cell, &scope)), condition)
}

/// Where a capture stands in the topic.
fn span_in(topic: &str, capture: &str) -> Span {
    let start = topic.find(capture).expect("a capture is a part of the topic");
    let place = |at: usize| u32::try_from(at).expect("a topic is short");
    Span { start: place(start), end: place(start + capture.len()) }
}

/// The cells of a table row that are code, in order; `|` inside of code is written `\|`.
fn code_cells(row: &str) -> Vec<String> {
    let cells = row.trim().trim_matches('|').replace("\\|", "\u{1}");
    cells
        .split('|')
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .map(|cell| match cell.strip_prefix("`` ").and_then(|cell| cell.strip_suffix(" ``")) {
            Some(code) => code.to_owned(),
            None => cell.trim_matches('`').to_owned(),
        })
        .collect()
}

/// Whether the table whose rows follow on `text` has results in its last column.
fn result_column(text: &str) -> bool {
    let head = text.lines().rev().take_while(|line| line.starts_with('|')).last().unwrap_or_default();
    head.ends_with("| result |")
}

#[test]
fn every_example_of_the_reference_is_a_vector() {
    let page = include_str!("../../../docs/reference/expressions.md");
    let cases: Vec<Case> = files()
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .flat_map(|text| serde_json::from_str::<Vectors>(&text).unwrap().cases)
        .collect();
    let mut examples = 0;
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let cells = code_cells(row);
        let [.., expression, payload, result] = cells.as_slice() else { continue };
        if matches!(result.as_str(), "result" | "---") || !result_column(&page[..page.find(row).unwrap()]) {
            continue;
        }
        examples += 1;
        let payload: Option<Value> = (!payload.is_empty()).then(|| serde_json::from_str(payload).expect(row));
        let value: Option<Value> = serde_json::from_str(result).ok();
        let is_covered = cases.iter().any(|case| {
            let is_result = if value.is_some() { case.value == value } else { case.reason.as_ref() == Some(result) };
            case.expression == *expression && case.payload == payload && is_result
        });
        assert!(is_covered, "no vector says that {row}");
    }
    assert!(examples >= 60, "only {examples} examples were found");
}

#[test]
fn every_function_has_its_row_in_the_reference() {
    let page = include_str!("../../../docs/reference/expressions.md");
    let (_, page) = page.split_once("## Functions").expect("a chapter of functions");
    let headings = [
        (Library::Standard, "### Standard"),
        (Library::Strings, "### Texts"),
        (Library::Math, "### Numbers"),
        (Library::Pronubes, "### Short names"),
    ];
    for function in Function::all() {
        let (_, heading) = headings.iter().find(|(library, _)| *library == function.library).expect("a heading");
        let (_, section) = page.split_once(heading).expect(heading);
        let section = section.split("\n###").next().unwrap_or_default();
        let row = section.lines().find(|line| {
            let first = line.strip_prefix("| `").and_then(|line| line.split_once("` |")).map_or("", |(first, _)| first);
            let call = format!("{}(", function.name);
            let is_method = |form: &str| form.split_once('.').is_some_and(|(_, rest)| rest.starts_with(&call));
            first.split("`, `").any(|form| match function.style {
                CallStyle::Receiver => is_method(form),
                _ => form.starts_with(&call),
            })
        });
        assert!(row.is_some(), "`{}` has no row below `{heading}`", function.name);
    }
}
