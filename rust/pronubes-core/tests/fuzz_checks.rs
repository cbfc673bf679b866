//! The functions of the fuzz targets on random input, so that they run wherever the tests run.

use proptest::prelude::*;

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
