//! Any text as an expression, any bytes behind a NUL as the payload that it sees.

use pronubes_core::expr::{ExprCompiler, Inputs, ParseCache, Vars};
use pronubes_core::message::Meta;
use pronubes_core::payload::{Cell, Limits, Literals, PathSetBuilder, Scan, Span, TextArena, scan};

/// Panics when something that must hold does not.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (source, payload) =
        text.split_once('\0').unwrap_or((&text, r#"{"a":1,"b":"x","c":{"d":[true,null]},"e":1.5}"#));
    let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
    let mut compiler = ExprCompiler {
        captures: &["area".into()],
        vars: &Vars::from([("limit".into(), 5.into())]),
        allow_key: true,
        paths: &mut paths,
        literals: &mut literals,
        cache: &cache,
    };
    let expr = match compiler.compile(source) {
        Ok(expr) => expr,
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(source.get(error.offset..error.offset + error.length).is_some(), "{source:?}: {error:?}");
                assert!(!error.message.is_empty() && !error.expected.is_empty(), "{source:?}: {error:?}");
            }
            return;
        }
    };
    assert!(expr.slots().len() <= paths.paths().len() && !expr.tree().to_string().is_empty());
    let (Ok(paths), mut found) = (paths.build(), Scan::default()) else { return };
    if scan(payload.as_bytes(), &paths, &Limits::default(), &mut found).is_err() {
        return;
    }
    let mut arena = TextArena::default();
    let inputs = Inputs {
        payload: payload.as_bytes(),
        topic: "raw/ü/t1",
        captures: &[Span { start: 4, end: 6 }],
        meta: &Meta::default(),
        source: "plc",
        key: Cell::Missing,
        literals: &literals,
        tables: &pronubes_core::tables::Tables::default(),
    };
    let mut scope = inputs.scope(&found.cells, &mut arena);
    let (value, condition) = (expr.eval(&mut scope), expr.eval_bool(&mut scope));
    match (value, condition) {
        (Ok(Cell::Bool(value)), condition) => assert_eq!(condition, Ok(value), "{source:?}"),
        (Ok(Cell::Double(value)), _) => assert!(value.is_finite(), "{source:?}"),
        (Ok(Cell::UInt(value)), _) => assert!(i64::try_from(value).is_err(), "{source:?}"),
        (Ok(Cell::Missing | Cell::Duplicate | Cell::Composite | Cell::Time(..) | Cell::Duration(_)), _) => {
            panic!("{source:?} gives {value:?}")
        }
        (Err(reason), condition) => assert_eq!(condition, Err(reason), "{source:?}"),
        _ => {}
    }
}
