//! The functions of the fuzz targets on random input, so that they run wherever the tests run.

use proptest::prelude::*;

#[path = "../../fuzz/checks/expression.rs"]
mod expression;
#[path = "../../fuzz/checks/filter.rs"]
mod filter;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn filter_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..60)) {
        filter::check(&data);
    }

    #[test]
    fn filter_takes_almost_valid_lines(
        filter in r"(a|b|ü|\+|#|\{x\}|\{y#\}|\$|/){0,6}",
        topic in r"(a|b|ü|\$|/|日){0,6}",
        template in r"(a|/|\{x\}|\{y\}|\$){0,5}",
    ) {
        filter::check(format!("{filter}\n{topic}\n{template}").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn expression_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..80)) {
        expression::check(&data);
    }

    #[test]
    fn expression_takes_any_text(text in r"\PC{0,40}") {
        expression::check(text.as_bytes());
    }

    #[test]
    fn expression_takes_any_sequence_of_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..24)) {
        expression::check(tokens.concat().as_bytes());
    }
}

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "payload", "topic", "meta", "vars", "area", "key", "has", "size", "matches", "int", "min", "in", "true", "null", "a",
    ".a", ".qos", ".limit", ".", "\"x\"", "'ü'", "r\"\\d\"", "\"\"\"", "'", "\"", "b\"x\"", "1", "2.5", "0x1F", "7u", "1e9",
    "9223372036854775808", "(", ")", "[", "]", "{", "}", ",", "?", ":", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">",
    ">=", "&&", "||", "!", "`a b`", "//c\n", " ", "\n", "has(", "payload.a", "payload[\"b\"]", ".map(x, x)", ".all(", ".startsWith(",
    "\\", "\\u00fc", "as", "while", "😀", "\0{}",
];
