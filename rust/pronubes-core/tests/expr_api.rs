//! What compiled expressions tell about themselves, the cache, and the limits.

use pronubes_core::expr::{Constant, Expr, ExprCompiler, ExprError, ParseCache, Vars};
use pronubes_core::payload::{Literals, PathSetBuilder};

fn compile(source: &str, paths: &mut PathSetBuilder, cache: &ParseCache) -> Result<Expr, Vec<ExprError>> {
    let vars = Vars::from([("limit".into(), 80.into()), ("zero".into(), 0.into())]);
    let mut literals = Literals::default();
    ExprCompiler { captures: &["area".into()], vars: &vars, allow_key: false, paths, literals: &mut literals, cache }
        .compile(source)
}

fn compiled(source: &str) -> Expr {
    compile(source, &mut PathSetBuilder::default(), &ParseCache::default()).expect(source)
}

#[test]
fn the_tree_shows_what_the_code_does() {
    let cases = [
        ("payload.value*1.8 + 32", "((payload.value * 1.8) + 32)"),
        ("payload.a > vars.limit + 1", "(payload.a > 81)"),
        ("a_b == 1 || true", ""),
        (
            "true && payload.a > 1 && (payload.b || area == \"x\")",
            "((payload.a > 1) && (payload.b || (area == \"x\")))",
        ),
        ("vars.zero == 0 ? payload.a : 1 / vars.zero", "payload.a"),
        ("payload.a > 1 && 1 / vars.zero > 1", "((payload.a > 1) && <not_finite>)"),
        ("-payload[\"odd key\"] in [1, 2]", "(-payload.odd key in [1, 2])"),
        ("payload.a.matches(\"^x\") ? min(1, payload.b) : 2", "(matches(payload.a, \"^x\") ? min(1, payload.b) : 2)"),
    ];
    for (source, tree) in cases {
        let result = compile(source, &mut PathSetBuilder::default(), &ParseCache::default());
        let shown = result.map_or_else(|_| String::new(), |expr| expr.tree().to_string());
        assert_eq!(shown, tree, "{source}");
    }
}

#[test]
fn an_expression_knows_its_text_its_fields_and_whether_it_is_constant() {
    let mut paths = PathSetBuilder::default();
    let cache = ParseCache::default();
    let first = compile("payload.b + payload.a > payload.b", &mut paths, &cache).unwrap();
    let second = compile("has(payload.c.d) && payload.a > 1", &mut paths, &cache).unwrap();
    let names = |expr: &Expr| {
        expr.slots().iter().map(|slot| paths.paths()[usize::from(slot.0)].to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((names(&first), names(&second)), ("b a".to_owned(), "c.d a".to_owned()));
    assert_eq!(first.text(), "payload.b + payload.a > payload.b");
    assert!(!first.is_constant());
    assert_eq!(compiled("vars.limit * 2").constant(), Some(&Constant::Int(160)));
    assert_eq!(compiled("payload.a > 1 || true").constant(), Some(&Constant::Bool(true)));
}

#[test]
fn routes_of_one_template_are_parsed_once() {
    let cache = ParseCache::default();
    for route in 0..10_000 {
        let source = format!("payload.value * 1.8 + {}.0 > {}", route % 50, route % 50);
        compile(&source, &mut PathSetBuilder::default(), &cache).unwrap();
    }
    assert_eq!(cache.len(), 50);
}

#[test]
fn patterns_of_one_template_are_compiled_once() {
    let cache = ParseCache::default();
    for route in 0..10_000 {
        let source = format!("area.matches(\"^(halle|werk)[0-9]{{1,3}}-{}$\") && payload.a > {route}", route % 20);
        compile(&source, &mut PathSetBuilder::default(), &cache).unwrap();
    }
    assert_eq!((cache.len(), cache.patterns()), (10_000, 20));
}

#[test]
fn the_cache_is_bounded_and_goes_on_when_it_is_full() {
    let cache = ParseCache::default();
    for number in 0..17_000 {
        cache.parse(&number.to_string()).unwrap();
    }
    assert_eq!(cache.len(), 16_384);
    assert_eq!(*cache.parse("16999").unwrap(), *cache.parse("16999").unwrap());
}

#[test]
fn what_is_too_large_or_too_deep_is_an_error_and_no_more() {
    let repeated = |part: &str, count: usize| part.repeat(count);
    let cases = [
        repeated("(", 1_000_000),
        repeated("(", 30_000),
        repeated("!", 60_000) + "true",
        repeated("-", 60_000) + "1",
        "payload".to_owned() + &repeated(".a", 30_000),
        "payload".to_owned() + &repeated("[0]", 20_000),
        repeated("true?1:", 8_000) + "1",
        repeated("1+", 30_000) + "1",
        repeated("true&&", 9_000) + "true",
        repeated("int(", 15_000) + "1" + &repeated(")", 15_000),
        "payload".to_owned() + &repeated(".f()", 15_000),
        repeated("[", 33) + &repeated("]", 33),
        repeated("true?", 40) + "1" + &repeated(":2", 40),
        repeated("int(", 40),
        repeated("a", 70_000),
        "\"".to_owned() + &repeated("x", 70_000) + "\"",
    ];
    for source in cases {
        let errors = compile(&source, &mut PathSetBuilder::default(), &ParseCache::default()).unwrap_err();
        assert_eq!(errors.len(), 1, "{}", &source[..20]);
    }
    // Up to the limits all is well.
    assert!(compiled(&(repeated("1+", 256) + "1")).is_constant());
    assert!(compiled(&(repeated("(", 31) + "1" + &repeated(")", 31))).is_constant());
    assert!(compiled(&format!("area in [{}\"x\"]", repeated("\"a/b.c-d\", ", 5_000))).slots().is_empty());
}

#[test]
fn errors_print_as_sentences() {
    let errors = compile("payload.a > vars.limt", &mut PathSetBuilder::default(), &ParseCache::default()).unwrap_err();
    let shown = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        shown,
        ["There is no variable `limt` in `vars:`. Found `limt` at byte 17, expected `vars.limit`, `vars.zero`. \
          Did you mean `vars.limit`?"]
    );
}
