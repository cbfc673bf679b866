//! Random expressions on random payloads against an evaluator that walks the tree over plain values, written without
//! looking at the code it checks: integers are `i128`, texts are `String`, a failure is the set of reasons that the
//! parts give (which of them is reported is not defined).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write;

use pronubes_core::Reason;
use pronubes_core::expr::{ExprCompiler, Inputs, ParseCache, Scope, Vars};
use pronubes_core::message::Meta;
use pronubes_core::payload::{Cell, Kind, Limits, Literals, PathSetBuilder, Scan, TextArena, scan, text};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Node {
    Field(&'static str),
    Has(&'static str),
    Constant(Value),
    Not(Box<Node>),
    Negate(Box<Node>),
    Logic(&'static str, Box<Node>, Box<Node>),
    Conditional(Box<[Node; 3]>),
    Compare(&'static str, Box<Node>, Box<Node>),
    Arithmetic(&'static str, Box<Node>, Box<Node>),
    In(Box<Node>, Vec<Value>),
    Call(&'static str, Vec<Node>),
    Method(&'static str, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Double(f64),
    Text(String),
    /// A list of so many ones.
    List(usize),
    Map,
    /// A number as the payload writes it.
    Written(String),
}

type Outcome = Result<Value, BTreeSet<Reason>>;

fn fail(reason: Reason) -> BTreeSet<Reason> {
    BTreeSet::from([reason])
}

/// A number, or why it is none.
fn number(value: &Value) -> Result<Value, BTreeSet<Reason>> {
    match value {
        Value::Int(_) | Value::Double(_) => Ok(value.clone()),
        Value::Written(text) if text.contains(['.', 'e', 'E']) => {
            let double: f64 = text.parse().expect("a number");
            if double.is_finite() { Ok(Value::Double(double)) } else { Err(fail(Reason::NumberOutOfRange)) }
        }
        Value::Written(text) => {
            let wide: i128 = text.parse().expect("an integer of the generator fits");
            ranged(wide).map_err(|_| fail(Reason::NumberOutOfRange))
        }
        _ => Err(fail(Reason::WrongType)),
    }
}

fn ranged(wide: i128) -> Outcome {
    let is_inside = wide >= i128::from(i64::MIN) && wide <= i128::from(u64::MAX);
    if is_inside { Ok(Value::Int(wide)) } else { Err(fail(Reason::IntegerOverflow)) }
}

fn double(value: &Value) -> f64 {
    match value {
        // Through the type that holds it: a conversion from 128 bits rounds the same way, but this is how it is written.
        Value::Int(wide) => *wide as f64,
        Value::Double(double) => *double,
        other => panic!("{other:?} is no number"),
    }
}

/// Both, or the reasons of both.
fn both<A, B>(
    left: Result<A, BTreeSet<Reason>>,
    right: Result<B, BTreeSet<Reason>>,
) -> Result<(A, B), BTreeSet<Reason>> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(left), Err(right)) => Err(&left | &right),
        (Err(reasons), _) | (_, Err(reasons)) => Err(reasons),
    }
}

fn boolean(outcome: Outcome) -> Result<bool, BTreeSet<Reason>> {
    match outcome? {
        Value::Bool(value) => Ok(value),
        _ => Err(fail(Reason::WrongType)),
    }
}

fn order(left: &Value, right: &Value) -> Ordering {
    if let (Value::Double(left), Value::Double(right)) = (left, right) {
        return left.partial_cmp(right).expect("finite");
    }
    let split = |value: &Value| match value {
        Value::Int(wide) => (*wide, 0.0),
        Value::Double(double) => (double.trunc() as i128, double.fract()),
        other => panic!("{other:?} is no number"),
    };
    let (left, right) = (split(left), split(right));
    left.0.cmp(&right.0).then(left.1.partial_cmp(&right.1).expect("finite"))
}

fn compare(operator: &str, left: &Value, right: &Value) -> Outcome {
    let is_number = |value: &Value| matches!(value, Value::Int(_) | Value::Double(_) | Value::Written(_));
    let is_equality = matches!(operator, "==" | "!=");
    let ordering = match (left, right) {
        (left, right) if is_number(left) && is_number(right) => {
            let (left, right) = both(number(left), number(right))?;
            Some(order(&left, &right))
        }
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Null, Value::Null) if is_equality => Some(Ordering::Equal),
        (Value::List(left), Value::List(right)) if is_equality => Some(left.cmp(right)),
        (Value::List(_), Value::List(_)) | (Value::Map, Value::Map) => return Err(fail(Reason::WrongType)),
        _ => None,
    };
    Ok(Value::Bool(match (operator, ordering) {
        ("==", ordering) => ordering == Some(Ordering::Equal),
        ("!=", ordering) => ordering != Some(Ordering::Equal),
        (_, None) => return Err(fail(Reason::WrongType)),
        ("<", Some(ordering)) => ordering.is_lt(),
        ("<=", Some(ordering)) => ordering.is_le(),
        (">", Some(ordering)) => ordering.is_gt(),
        (_, Some(ordering)) => ordering.is_ge(),
    }))
}

fn arithmetic(operator: &str, is_whole: bool, left: Outcome, right: Outcome) -> Outcome {
    if operator == "+"
        && let (Ok(Value::Text(left)), Ok(Value::Text(right))) = (&left, &right)
    {
        return Ok(Value::Text(format!("{left}{right}")));
    }
    if operator == "+"
        && let (Ok(Value::List(left)), Ok(Value::List(right))) = (&left, &right)
    {
        return Ok(Value::List(left + right));
    }
    let (left, right) = both(left.and_then(|value| number(&value)), right.and_then(|value| number(&value)))?;
    if let (Value::Int(left), Value::Int(right), false) = (&left, &right, operator == "/" && !is_whole) {
        return match operator {
            "+" => ranged(left + right),
            "-" => ranged(left - right),
            "*" => left.checked_mul(*right).ok_or(fail(Reason::IntegerOverflow)).and_then(ranged),
            _ if *right == 0 => Err(fail(Reason::DivisionByZero)),
            "%" => ranged(left % right),
            _ => ranged(left / right),
        };
    }
    let (left, right) = (double(&left), double(&right));
    let result = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        _ => return Err(fail(Reason::WrongType)),
    };
    if result.is_finite() { Ok(Value::Double(result)) } else { Err(fail(Reason::NotFinite)) }
}

fn call(name: &str, arguments: Vec<Outcome>) -> Outcome {
    let mut values = Vec::new();
    let mut reasons = BTreeSet::new();
    let is_text = matches!(name, "startsWith" | "endsWith" | "contains" | "size" | "upperAscii" | "trim");
    let is_number = matches!(name, "abs" | "floor" | "ceil" | "round" | "min" | "max");
    for argument in arguments {
        let argument = match argument {
            Ok(Value::Text(text)) if is_text => Ok(Value::Text(text)),
            Ok(value @ (Value::List(_) | Value::Map)) if name == "size" => Ok(value),
            Ok(_) if is_text => Err(fail(Reason::WrongType)),
            Ok(value) if is_number => number(&value),
            other => other,
        };
        match argument {
            Ok(value) => values.push(value),
            Err(more) => reasons.extend(more),
        }
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let rounded = |round: fn(f64) -> f64| match &values[0] {
        Value::Double(value) => Value::Double(round(*value)),
        whole => whole.clone(),
    };
    let texts = |position: usize| if let Value::Text(text) = &values[position] { text.as_str() } else { "" };
    Ok(match name {
        "startsWith" => Value::Bool(texts(0).starts_with(texts(1))),
        "endsWith" => Value::Bool(texts(0).ends_with(texts(1))),
        "contains" => Value::Bool(texts(0).contains(texts(1))),
        "size" if matches!(values[0], Value::Map) => Value::Int(1),
        "size" => match values[0] {
            Value::List(size) => Value::Int(size as i128),
            _ => Value::Int(texts(0).chars().count() as i128),
        },
        "upperAscii" => Value::Text(texts(0).to_ascii_uppercase()),
        "trim" => Value::Text(texts(0).trim().to_owned()),
        "abs" if order(&values[0], &Value::Int(0)).is_lt() => {
            return arithmetic("-", false, Ok(Value::Int(0)), Ok(values[0].clone()));
        }
        "abs" => values[0].clone(),
        "floor" => rounded(f64::floor),
        "ceil" => rounded(f64::ceil),
        "round" => rounded(f64::round),
        "min" => values.iter().min_by(|a, b| order(a, b)).cloned().expect("two or more"),
        // Of equal ones the first.
        "max" => values.iter().rev().max_by(|a, b| order(a, b)).cloned().expect("two or more"),
        "string" => match &values[0] {
            Value::Text(text) | Value::Written(text) => Value::Text(text.clone()),
            Value::Bool(value) => Value::Text(value.to_string()),
            Value::Int(value) => Value::Text(value.to_string()),
            Value::Double(value) => Value::Text(zmij_like(*value)),
            _ => return Err(fail(Reason::WrongType)),
        },
        "int" => match &values[0] {
            Value::Text(text) => {
                let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
                if digits.is_empty() || digits.contains(|character: char| !character.is_ascii_digit()) {
                    return Err(fail(Reason::InvalidConversion));
                }
                let wide: i128 = text.parse().map_err(|_| fail(Reason::NumberOutOfRange))?;
                ranged(wide).map_err(|_| fail(Reason::NumberOutOfRange))?
            }
            other => match number(other)? {
                Value::Double(value) => ranged(value.trunc() as i128).map_err(|_| fail(Reason::NumberOutOfRange))?,
                whole => whole,
            },
        },
        other => panic!("the oracle does not know {other}"),
    })
}

/// The shortest text of a double, as the writer of payloads gives it.
fn zmij_like(value: f64) -> String {
    let mut out = Vec::new();
    pronubes_core::payload::number::write_f64(&mut out, value).expect("finite");
    String::from_utf8(out).expect("ASCII")
}

fn evaluate(node: &Node, fields: &[(&str, Value)]) -> Outcome {
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    let eval = |node: &Node| evaluate(node, fields);
    match node {
        Node::Field(name) => field(name).cloned().ok_or(fail(Reason::MissingField)),
        Node::Has(name) => Ok(Value::Bool(field(name).is_some())),
        Node::Constant(value) => Ok(value.clone()),
        Node::Not(part) => boolean(eval(part)).map(|value| Value::Bool(!value)),
        Node::Negate(part) => match number(&eval(part)?)? {
            Value::Double(value) => Ok(Value::Double(-value)),
            Value::Int(value) => ranged(-value),
            other => panic!("{other:?} is no number"),
        },
        Node::Logic(operator, left, right) => {
            let decisive = *operator == "||";
            match (boolean(eval(left)), boolean(eval(right))) {
                (Ok(value), _) | (_, Ok(value)) if value == decisive => Ok(Value::Bool(decisive)),
                (Err(left), Err(right)) => Err(&left | &right),
                (Err(reasons), _) | (_, Err(reasons)) => Err(reasons),
                _ => Ok(Value::Bool(!decisive)),
            }
        }
        Node::Conditional(parts) => {
            if boolean(eval(&parts[0]))? {
                eval(&parts[1])
            } else {
                eval(&parts[2])
            }
        }
        Node::Compare(operator, left, right) => {
            let (left, right) = both(eval(left), eval(right))?;
            compare(operator, &left, &right)
        }
        Node::Arithmetic(operator, left, right) => {
            let is_int = |node: &Node| matches!(node, Node::Call("int", _));
            arithmetic(operator, is_int(left) && is_int(right), eval(left), eval(right))
        }
        Node::In(part, values) => {
            let value = eval(part)?;
            for constant in values {
                if compare("==", &value, constant) != Ok(Value::Bool(false)) {
                    return compare("==", &value, constant);
                }
            }
            Ok(Value::Bool(false))
        }
        Node::Call(name, parts) | Node::Method(name, parts) => call(name, parts.iter().map(eval).collect()),
    }
}

fn print(node: &Node, out: &mut String) {
    let binary = |left: &Node, operator: &str, right: &Node, out: &mut String| {
        out.push('(');
        print(left, out);
        write!(out, " {operator} ").expect("a string");
        print(right, out);
        out.push(')');
    };
    let list = |parts: &[Node], out: &mut String| {
        for (position, part) in parts.iter().enumerate() {
            out.push_str(if position > 0 { ", " } else { "" });
            print(part, out);
        }
        out.push(')');
    };
    match node {
        Node::Field(name) => write!(out, "payload.{name}").expect("a string"),
        Node::Has(name) => write!(out, "has(payload.{name})").expect("a string"),
        Node::Constant(value) => print_constant(value, out),
        Node::Not(part) => {
            out.push_str("!(");
            print(part, out);
            out.push(')');
        }
        Node::Negate(part) => {
            out.push_str("-(");
            print(part, out);
            out.push(')');
        }
        Node::Logic(operator, left, right)
        | Node::Compare(operator, left, right)
        | Node::Arithmetic(operator, left, right) => binary(left, operator, right, out),
        Node::Conditional(parts) => {
            out.push('(');
            print(&parts[0], out);
            out.push_str(" ? ");
            print(&parts[1], out);
            out.push_str(" : ");
            print(&parts[2], out);
            out.push(')');
        }
        Node::In(part, values) => {
            out.push('(');
            print(part, out);
            out.push_str(" in [");
            for (position, value) in values.iter().enumerate() {
                out.push_str(if position > 0 { ", " } else { "" });
                print_constant(value, out);
            }
            out.push_str("])");
        }
        Node::Call(name, parts) => {
            write!(out, "{name}(").expect("a string");
            list(parts, out);
        }
        Node::Method(name, parts) => {
            out.push('(');
            print(&parts[0], out);
            write!(out, ").{name}(").expect("a string");
            list(&parts[1..], out);
        }
    }
}

fn print_constant(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => write!(out, "{value}").expect("a string"),
        Value::Int(value) if *value > i128::from(i64::MAX) => write!(out, "{value}u").expect("a string"),
        Value::Int(value) => write!(out, "{value}").expect("a string"),
        Value::Double(value) => write!(out, "{value:?}").expect("a string"),
        Value::Text(text) => out.push_str(&serde_json::Value::from(text.as_str()).to_string()),
        other => panic!("{other:?} is no constant"),
    }
}

fn constants() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::Bool),
        13 => number_constants(),
        4 => text_constants(),
    ]
}

fn number_constants() -> impl Strategy<Value = Value> {
    const EDGE: &[i128] = &[0, 1, -1, i64::MAX as i128, i64::MIN as i128, u64::MAX as i128, 1 << 53, (1 << 53) + 1];
    const LARGE: &[f64] = &[1e300, -1e19, 9_007_199_254_740_992.0, 18_446_744_073_709_551_616.0, 0.1];
    prop_oneof![
        4 => (-2..4_i128).prop_map(Value::Int),
        2 => prop::sample::select(EDGE).prop_map(Value::Int),
        4 => (-6..10_i32).prop_map(|value| Value::Double(f64::from(value) / 4.0)),
        1 => prop::sample::select(LARGE).prop_map(Value::Double),
    ]
}

fn text_constants() -> impl Strategy<Value = Value> {
    "[aü 1-]{0,2}".prop_map(Value::Text)
}

fn payload_values() -> impl Strategy<Value = Value> {
    const WRITTEN: &[&str] =
        &["1.50", "1E2", "-0", "1e400", "123456789012345678901234567890", "-0.0", "5", "0.30000000000000004"];
    prop_oneof![
        8 => constants().prop_map(|value| match value {
            Value::Double(value) => Value::Written(format!("{value:?}")),
            other => other,
        }),
        2 => prop::sample::select(WRITTEN).prop_map(|text| Value::Written(text.to_owned())),
        1 => (0..3_usize).prop_map(Value::List),
        1 => Just(Value::Map),
    ]
}

const FIELDS: [&str; 4] = ["a", "b", "c", "d"];

/// Expressions whose types mostly fit, so that few are refused at load; fields can be anything at run time.
fn nodes() -> impl Strategy<Value = Node> {
    prop_oneof![3 => numbers(3), 2 => texts(3), 5 => conditions(3), 1 => mixed()]
}

fn pick(names: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(names)
}

fn field() -> impl Strategy<Value = Node> {
    prop::sample::select(&FIELDS[..]).prop_map(Node::Field)
}

fn numbers(depth: u32) -> BoxedStrategy<Node> {
    let leaf = prop_oneof![2 => field(), 1 => number_constants().prop_map(Node::Constant)];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || numbers(depth - 1).prop_map(Box::new);
    prop_oneof![
        2 => leaf,
        6 => (pick(&["+", "-", "*", "/", "%"]), inner(), inner()).prop_map(|(o, l, r)| Node::Arithmetic(o, l, r)),
        1 => inner().prop_map(Node::Negate),
        1 => (conditions(depth - 1), numbers(depth - 1), numbers(depth - 1))
            .prop_map(|(condition, then, otherwise)| Node::Conditional(Box::new([condition, then, otherwise]))),
        2 => (pick(&["int", "abs", "floor", "ceil", "round"]), numbers(depth - 1)).prop_map(|(n, p)| Node::Call(n, vec![p])),
        1 => (numbers(depth - 1), numbers(depth - 1)).prop_map(|(left, right)| {
            Node::Arithmetic("/", Box::new(Node::Call("int", vec![left])), Box::new(Node::Call("int", vec![right])))
        }),
        1 => (pick(&["min", "max"]), prop::collection::vec(numbers(depth - 1), 2..4)).prop_map(|(n, p)| Node::Call(n, p)),
        1 => texts(depth - 1).prop_map(|part| Node::Call("size", vec![part])),
    ]
    .boxed()
}

fn texts(depth: u32) -> BoxedStrategy<Node> {
    let leaf = prop_oneof![2 => field(), 1 => text_constants().prop_map(Node::Constant)];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || texts(depth - 1).prop_map(Box::new);
    prop_oneof![
        2 => leaf,
        3 => (inner(), inner()).prop_map(|(left, right)| Node::Arithmetic("+", left, right)),
        2 => numbers(depth - 1).prop_map(|part| Node::Call("string", vec![part])),
        1 => (pick(&["upperAscii", "trim"]), texts(depth - 1)).prop_map(|(name, part)| Node::Method(name, vec![part])),
        1 => (conditions(depth - 1), texts(depth - 1), texts(depth - 1))
            .prop_map(|(condition, then, otherwise)| Node::Conditional(Box::new([condition, then, otherwise]))),
    ]
    .boxed()
}

fn conditions(depth: u32) -> BoxedStrategy<Node> {
    let leaf = prop_oneof![
        3 => field(),
        2 => prop::sample::select(&FIELDS[..]).prop_map(Node::Has),
        1 => any::<bool>().prop_map(Value::Bool).prop_map(Node::Constant),
        // The shapes that have code of their own.
        4 => (comparisons(), field(), constants()).prop_map(|(o, l, r)| compared(o, l, Node::Constant(r))),
        1 => (comparisons(), constants(), field()).prop_map(|(o, l, r)| compared(o, Node::Constant(l), r)),
        1 => (comparisons(), field(), field()).prop_map(|(o, l, r)| compared(o, l, r)),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || conditions(depth - 1).prop_map(Box::new);
    prop_oneof![
        2 => leaf,
        1 => inner().prop_map(Node::Not),
        6 => (pick(&["&&", "||"]), inner(), inner()).prop_map(|(o, l, r)| Node::Logic(o, l, r)),
        2 => (comparisons(), numbers(depth - 1), numbers(depth - 1)).prop_map(|(o, l, r)| compared(o, l, r)),
        2 => (comparisons(), texts(depth - 1), texts(depth - 1)).prop_map(|(o, l, r)| compared(o, l, r)),
        1 => [conditions(depth - 1), conditions(depth - 1), conditions(depth - 1)]
            .prop_map(|parts| Node::Conditional(Box::new(parts))),
        1 => (numbers(depth - 1), prop::collection::vec(constants(), 0..20)).prop_map(|(p, v)| Node::In(Box::new(p), v)),
        1 => (texts(depth - 1), prop::collection::vec(constants(), 0..40)).prop_map(|(p, v)| Node::In(Box::new(p), v)),
        1 => (pick(&["startsWith", "endsWith", "contains"]), [texts(depth - 1), texts(depth - 1)])
            .prop_map(|(name, parts)| Node::Method(name, parts.into())),
    ]
    .boxed()
}

fn comparisons() -> impl Strategy<Value = &'static str> {
    pick(&["==", "!=", "<", "<=", ">", ">="])
}

fn compared(operator: &'static str, left: Node, right: Node) -> Node {
    Node::Compare(operator, Box::new(left), Box::new(right))
}

/// Anything with anything.
fn mixed() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![6 => field(), 2 => constants().prop_map(Node::Constant)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            (pick(&["&&", "||"]), boxed(), boxed()).prop_map(|(o, l, r)| Node::Logic(o, l, r)),
            (comparisons(), boxed(), boxed()).prop_map(|(o, l, r)| Node::Compare(o, l, r)),
            (pick(&["+", "-", "*", "/", "%"]), boxed(), boxed()).prop_map(|(o, l, r)| Node::Arithmetic(o, l, r)),
            [inner.clone(), inner.clone(), inner.clone()].prop_map(|parts| Node::Conditional(Box::new(parts))),
        ]
    })
}

/// The payload as text; texts are escaped wherever JSON allows it when asked to.
fn write_payload(fields: &[(&str, Value)], is_escaped: bool) -> String {
    let mut out = String::from("{");
    for (position, (name, value)) in fields.iter().enumerate() {
        write!(out, "{}\"{name}\": ", if position > 0 { ", " } else { "" }).expect("a string");
        match value {
            Value::Int(value) => write!(out, "{value}").expect("a string"),
            Value::Written(text) => out.push_str(text),
            Value::List(size) => write!(out, "[{}]", vec!["1"; *size].join(",")).expect("a string"),
            Value::Map => out.push_str("{\"x\": 1}"),
            Value::Text(text) if is_escaped => {
                let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                write!(out, "\"{escaped}\"").expect("a string");
            }
            other => print_constant(other, &mut out),
        }
    }
    out.push('}');
    out
}

/// What came out, as the oracle would say it; numbers as written become numbers.
fn value_of(cell: Cell, scope: &Scope<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(value),
        Cell::Int(value) => Value::Int(value.into()),
        Cell::UInt(value) => Value::Int(value.into()),
        Cell::Double(value) => Value::Double(value),
        Cell::Text(span) => Value::Text(scope.text.get(span).into()),
        Cell::Topic(span) => Value::Text(span.of_str(scope.inputs.topic).into()),
        Cell::Literal(id) => Value::Text(scope.inputs.literals.text(id).into()),
        Cell::Raw(raw) => {
            let written = std::str::from_utf8(raw.span().of(scope.inputs.payload)).expect("UTF-8");
            match raw.kind {
                Kind::Null => Value::Null,
                Kind::True => Value::Bool(true),
                Kind::False => Value::Bool(false),
                Kind::Integer | Kind::Decimal => Value::Written(written.to_owned()),
                Kind::Text | Kind::EscapedText => {
                    let mut arena = TextArena::default();
                    let span = text::decode(scope.inputs.payload, raw, &mut arena);
                    Value::Text(arena.get(span).into())
                }
                Kind::Object => Value::Map,
                Kind::Array => Value::List(written.matches('1').count()),
            }
        }
        Cell::List(span) => Value::List(span.len()),
        Cell::Time(..) | Cell::Duration(_) | Cell::Map(_) | Cell::Missing | Cell::Duplicate | Cell::Composite => {
            panic!("an expression gave {cell:?}")
        }
    }
}

/// Doubles by their bits, so that a lost sign of zero shows.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Written(_), _) | (_, Value::Written(_)) if left != right => {
            matches!((number(left), number(right)), (Ok(left), Ok(right)) if same(&left, &right))
        }
        (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
        _ => left == right,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiled_code_agrees_with_the_tree_walk(
        node in nodes(),
        values in prop::collection::vec((prop::sample::select(&FIELDS[..]), payload_values()), 0..5),
        is_escaped in any::<bool>(),
    ) {
        let mut fields: Vec<(&str, Value)> = Vec::new();
        for (name, value) in values {
            if fields.iter().all(|(known, _)| *known != name) {
                fields.push((name, value));
            }
        }
        let mut source = String::new();
        print(&node, &mut source);
        let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
        let mut compiler = ExprCompiler {
            captures: &[],
            vars: &Vars::new(),
            allow_key: false,
            paths: &mut paths,
            literals: &mut literals,
            cache: &cache,
        };
        let wanted = evaluate(&node, &fields);
        let expr = match compiler.compile(&source) {
            Ok(expr) => expr,
            Err(errors) => {
                // What is refused as hopeless must fail on this message too; types that never fit are refused earlier.
                if errors.iter().all(|error| error.message.contains("always fails")) {
                    prop_assert!(wanted.is_err(), "{source}: {errors:?} but {wanted:?}");
                }
                return Err(TestCaseError::reject("refused at load"));
            }
        };
        let payload = write_payload(&fields, is_escaped);
        let mut found = Scan::default();
        scan(payload.as_bytes(), &paths.build().expect("few paths"), &Limits::default(), &mut found).expect("JSON");
        let mut arena = TextArena::default();
        let inputs = Inputs {
            payload: payload.as_bytes(),
            topic: "",
            captures: &[],
            meta: &Meta::default(),
            source: "",
            key: Cell::Missing,
            literals: &literals,
            tables: &pronubes_core::tables::Tables::default(),
        };
        let mut scope = inputs.scope(&found.cells, &mut arena);
        let given = expr.eval(&mut scope).map(|cell| value_of(cell, &scope));
        let is_same = match (&given, &wanted) {
            (Ok(given), Ok(wanted)) => same(given, wanted),
            (Err(reason), Err(reasons)) => reasons.contains(reason),
            _ => false,
        };
        prop_assert!(is_same, "{source}\n on {payload}\n as {}\n gives {given:?}, expected {wanted:?}", expr.tree());
        let condition = expr.eval_bool(&mut scope);
        match &given {
            Ok(Value::Bool(value)) => prop_assert_eq!(condition, Ok(*value)),
            Ok(_) => prop_assert_eq!(condition, Err(Reason::ConditionNotBool)),
            Err(reason) => prop_assert_eq!(condition, Err(*reason)),
        }
    }
}
