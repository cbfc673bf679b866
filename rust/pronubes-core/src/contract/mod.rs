//! Contracts: what payloads must look like, and the verdict on each.
//!
//! A contract is judged on the bytes of one message, one message at a time: a bad one gets a verdict with a reason, the
//! field, what was found and what was expected, and changes nothing for its neighbours. There are two ways to the same
//! verdict. The quick check runs on the cells that the route has anyway and answers only *surely good*; it allocates
//! nothing. Everything else goes to the full pass, which scans the payload with the contract's own paths, finds every
//! violation and is the definition.
//!
//! It refuses to guess: a number is judged exactly as far as a double or 128 bits hold it, a time needs its unit, and a key that stands twice is a violation of the field that it names.
//!
//! ```
//! use pronubes_core::contract::{Contract, Judge};
//! let spec = r#"{"name": "measurement", "version": 1, "fields": [{"path": "value", "type": "number", "range": [-40, 800]}]}"#;
//! let contract = Contract::compile(&serde_json::from_str(spec).unwrap()).unwrap();
//! let violations = Judge::default().judge(&contract, br#"{"value": 900}"#, 0);
//! assert_eq!(violations[0].to_string(), "value: contract_range: found `900`, expected -40 to 800");
//! ```

mod check;
mod compile;
mod judge;
mod ledger;
mod number;
mod quality;
mod quick;
mod report;
mod shape;
mod spec;
mod text;
mod time;
mod typing;
mod verdict;

pub use judge::Judge;
pub use ledger::{ContractStats, OFFENDER_BYTES, OFFENDERS, Offender, Role, RuleCount};
pub use report::{ContractReport, OffenderReport, RuleReport, reports};
pub use shape::Contract;
pub use spec::{
    AnnotateSpec, ContractSpec, Extra, FieldSpec, FieldType, Mode, NullRule, QualitySpec, TimeSpec, TimeUnit,
};
pub use verdict::Violation;

pub(crate) use compile::Compiler;
pub(crate) use quick::{Binding, Others, View};
pub(crate) use typing::Declared;
