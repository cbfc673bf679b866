//! Contracts by the shared vectors; `tests/unit/test_contract_vectors.py` reads the same file.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::collections::BTreeMap;

use pronubes_core::contract::{Contract, ContractSpec, Judge};

const RECEIVED_NS: i64 = 1_732_259_200_000_000_000;

#[derive(serde::Deserialize)]
struct Vectors {
    contracts: BTreeMap<String, ContractSpec>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    contract: String,
    payload: Option<String>,
    repeat: Option<Vec<(String, usize)>>,
    received_ns: Option<i64>,
    verdict: Vec<Vec<String>>,
}

fn vectors() -> Vectors {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/contracts.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_case_has_its_verdict() {
    let vectors = vectors();
    let contracts: BTreeMap<_, _> =
        vectors.contracts.iter().map(|(name, spec)| (name, Contract::compile(spec).unwrap())).collect();
    let mut judge = Judge::default();
    let mut wrong = Vec::new();
    for case in &vectors.cases {
        let pieces = case.repeat.iter().flatten().map(|(piece, count)| piece.repeat(*count));
        let payload = case.payload.clone().unwrap_or_else(|| pieces.collect());
        let received_ns = case.received_ns.unwrap_or(RECEIVED_NS);
        let found = judge.judge(&contracts[&case.contract], payload.as_bytes(), received_ns);
        let found: Vec<_> =
            found.into_iter().map(|one| [one.reason.code().to_owned(), one.field, one.found, one.expected]).collect();
        let is_same = found.len() == case.verdict.len()
            && found.iter().zip(&case.verdict).all(|(found, wanted)| found.starts_with(wanted));
        if !is_same {
            wrong.push(format!("{}: {found:?}, not {:?}", case.name, case.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_reason_of_contracts_has_a_case() {
    let vectors = vectors();
    let seen: std::collections::BTreeSet<&str> =
        vectors.cases.iter().flat_map(|case| &case.verdict).map(|one| one[0].as_str()).collect();
    let reasons = pronubes_core::Reason::ALL.iter().map(|reason| reason.code());
    let missing: Vec<_> = reasons.filter(|code| code.starts_with("contract_") && !seen.contains(code)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
