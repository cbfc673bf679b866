//! What the tests of expressions share: a result as JSON.

use pronubes_core::Reason;
use pronubes_core::expr::Scope;
use pronubes_core::payload::{Cell, number, text};
use serde_json::Value;

/// A cell as JSON.
pub fn json(cell: Cell, scope: &Scope<'_>) -> Result<Value, Reason> {
    let mut out = Vec::new();
    match cell {
        Cell::Missing | Cell::Duplicate | Cell::Composite | Cell::Time(..) | Cell::Duration(_) => {
            panic!("an expression gave {cell:?}")
        }
        Cell::Raw(raw) => out.extend_from_slice(raw.span().of(scope.inputs.payload)),
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Cell::Int(value) => number::write_int(&mut out, value),
        Cell::UInt(value) => {
            assert!(i64::try_from(value).is_err(), "{value} should be an Int");
            number::write_uint(&mut out, value);
        }
        Cell::Double(value) => number::write_f64(&mut out, value)?,
        Cell::Text(span) => text::write(&mut out, scope.text.get(span)),
        Cell::Topic(span) => text::write(&mut out, span.of_str(scope.inputs.topic)),
        Cell::List(span) => {
            let elements = scope.text.cells(span).iter().map(|element| json(*element, scope));
            return elements.collect::<Result<_, _>>().map(Value::Array);
        }
        Cell::Map(span) => {
            let members = scope.text.cells(span).chunks_exact(2).map(|pair| {
                let Value::String(key) = json(pair[0], scope)? else { panic!("a key is {:?}", pair[0]) };
                Ok((key, json(pair[1], scope)?))
            });
            return members.collect::<Result<_, _>>().map(Value::Object);
        }
        Cell::Literal(id) => {
            out.extend_from_slice(scope.inputs.literals.get(id).expect("a literal of the plan").json.as_bytes());
        }
    }
    Ok(serde_json::from_slice(&out).expect("a cell is JSON"))
}
