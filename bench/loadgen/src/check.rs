//! Judges every message that comes back: topic, payload, order, duplicates.
//!
//! The first time an output comes, its payload is parsed and compared by meaning, since routers write the same JSON differently.
//! Its bytes are kept as the *form* of that output; from then on they must be the same but for the round, which costs one comparison of
//! memory. So all messages are judged at full speed, not a sample.

use serde_json::Value;

use crate::ledger::Ledger;
use crate::meaning;
use crate::workload::{Expected, ID_DIGITS, Output, ROUND_AT, ROUND_DIGITS, Slot, Workload, digits, find_ids, id_of};

/// Problems that are told in words; the rest is counted.
const TOLD: usize = 10;

/// Bytes of an output as its router writes it: topic and payload side by side, so that a comparison reads memory in one line.
#[derive(Debug, Clone, Copy)]
struct Form {
    start: usize,
    topic: u32,
    payload: u32,
    id_at: u32,
}

/// An output that was right: its slot and the round of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) slot: u32,
    pub(crate) round: u64,
}

/// Keeps what is expected and books what came.
#[derive(Debug)]
pub(crate) struct Checker {
    slots: Vec<Slot>,
    outputs: Vec<Output>,
    forms: Vec<Option<Form>>,
    bytes: Vec<u8>,
    /// The output that comes next if nothing was reordered.
    cursor: usize,
    pub(crate) ledger: Ledger,
    pub(crate) compared_by_meaning: u64,
    pub(crate) wrong: u64,
    pub(crate) problems: Vec<String>,
}

impl Checker {
    pub(crate) fn new(workload: Workload) -> Self {
        let Workload { slots, outputs } = workload;
        let forms = vec![None; outputs.len()];
        let ledger = Ledger::new(outputs.iter().map(|output| &*output.topic));
        Self {
            slots,
            outputs,
            forms,
            bytes: Vec::new(),
            cursor: 0,
            ledger,
            compared_by_meaning: 0,
            wrong: 0,
            problems: Vec::new(),
        }
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Judges one message, of which `sent` inputs in all can be the cause; `None` when it is wrong or a duplicate.
    pub(crate) fn accept(&mut self, topic: &[u8], payload: &[u8], sent: u64) -> Option<Accepted> {
        let output = self.cursor;
        let round = match self.match_form(output, topic, payload) {
            Some(round) => {
                self.advance(output);
                return self.book(output, round, sent);
            }
            None => self.search(topic, payload),
        };
        match round {
            Ok((output, round)) => {
                self.advance(output);
                self.book(output, round, sent)
            }
            Err(problem) => {
                self.tell(problem);
                None
            }
        }
    }

    fn advance(&mut self, output: usize) {
        self.cursor = if output + 1 == self.outputs.len() { 0 } else { output + 1 };
    }

    fn book(&mut self, output: usize, round: u64, sent: u64) -> Option<Accepted> {
        let slot = self.outputs[output].slot;
        let input = round * self.slots.len() as u64 + u64::from(slot);
        if input >= sent {
            self.tell(format!("round {round} of slot {slot} came back and was never sent"));
            return None;
        }
        let is_new = self.ledger.arrive(output, round as u32, input);
        is_new.then_some(Accepted { slot, round })
    }

    /// The round, when topic and payload are byte for byte what this output looks like.
    fn match_form(&self, output: usize, topic: &[u8], payload: &[u8]) -> Option<u64> {
        let form = self.forms[output]?;
        if payload.len() != form.payload as usize || topic.len() != form.topic as usize {
            return None;
        }
        let known = &self.bytes[form.start..form.start + topic.len() + payload.len()];
        let (known_topic, known) = known.split_at(topic.len());
        if known_topic != topic {
            return None;
        }
        let round_at = form.id_at as usize + ROUND_AT;
        let round_end = round_at + ROUND_DIGITS;
        if known[..round_at] != payload[..round_at] || known[round_end..] != payload[round_end..] {
            return None;
        }
        digits(&payload[round_at..round_end])
    }

    /// Finds the output by the id in the payload.
    fn search(&mut self, topic: &[u8], payload: &[u8]) -> Result<(usize, u64), String> {
        let mut problem = None;
        for (id_at, slot, round) in find_ids(payload) {
            let Some(Slot { first_output, outputs, .. }) = self.slots.get(slot as usize) else { continue };
            for output in *first_output..first_output + outputs {
                if self.outputs[output].topic.as_bytes() != topic {
                    continue;
                }
                if let Some(round) = self.match_form(output, topic, payload) {
                    return Ok((output, round));
                }
                match self.compare(output, payload, round) {
                    Ok(()) => {
                        self.learn(output, payload, id_at);
                        return Ok((output, round));
                    }
                    Err(difference) => problem = Some(difference),
                }
            }
        }
        Err(problem.unwrap_or_else(|| {
            let [topic, payload] = [topic, payload].map(excerpt);
            format!("nothing like this was expected: `{topic}` `{payload}`")
        }))
    }

    fn compare(&mut self, output: usize, payload: &[u8], round: u64) -> Result<(), String> {
        self.compared_by_meaning += 1;
        let Output { slot, topic, expected } = &self.outputs[output];
        let (base, id) = (id_of(*slot, 0), id_of(*slot, round));
        let (is_same, wanted) = match expected {
            Expected::Json(json) => {
                let wanted: Value = serde_json::from_str(json.get()).unwrap_or(Value::Null);
                let found = serde_json::from_slice::<Value>(payload);
                (found.is_ok_and(|found| meaning::same(&wanted, &found, base, id)), json.get())
            }
            Expected::Input => {
                let wanted = &*self.slots[*slot as usize].payload;
                let now = wanted.replace(&base.to_string(), &id.to_string());
                (now.as_bytes() == payload, wanted)
            }
        };
        if is_same {
            return Ok(());
        }
        Err(format!("`{topic}`: expected `{wanted}` in round {round}, found `{}`", excerpt(payload)))
    }

    fn learn(&mut self, output: usize, payload: &[u8], id_at: usize) {
        // Explode writes one id per member; a form with more than one would have to patch them all: compare such by meaning only.
        if find_ids(payload).count() != 1 || payload.len() < id_at + ID_DIGITS {
            return;
        }
        let topic = self.outputs[output].topic.len();
        match self.forms[output] {
            Some(form) if form.payload as usize == payload.len() => {
                let at = form.start + topic;
                self.bytes[at..at + payload.len()].copy_from_slice(payload);
                self.forms[output] = Some(Form { id_at: id_at as u32, ..form });
            }
            Some(_) => {} // the router writes it in different lengths: stay with the first form, compare the others by meaning
            None => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(self.outputs[output].topic.as_bytes());
                self.bytes.extend_from_slice(payload);
                let (topic, payload, id_at) = (topic as u32, payload.len() as u32, id_at as u32);
                self.forms[output] = Some(Form { start, topic, payload, id_at });
            }
        }
    }

    fn tell(&mut self, problem: String) {
        self.wrong += 1;
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checker(count: u32) -> Checker {
        let mut workload = Workload::default();
        for slot in 0..count {
            let payload = format!(r#"{{"ts": {}, "v": {slot}}}"#, id_of(slot, 0));
            let expected =
                serde_json::value::RawValue::from_string(format!(r#"{{"v": {slot}.0, "t": {}}}"#, id_of(slot, 0)));
            workload.outputs.push(Output {
                slot,
                topic: format!("out/{slot}").into(),
                expected: Expected::Json(expected.unwrap()),
            });
            workload.slots.push(Slot {
                topic: "in".into(),
                payload: payload.into(),
                first_output: slot as usize,
                outputs: 1,
            });
        }
        Checker::new(workload)
    }

    fn send(checker: &mut Checker, slot: u32, round: u64) -> Option<Accepted> {
        let payload = format!(r#"{{"t":{},"v":{slot}}}"#, id_of(slot, round));
        checker.accept(format!("out/{slot}").as_bytes(), payload.as_bytes(), 1000)
    }

    #[test]
    fn a_form_is_learned_once_and_then_matched_in_any_order() {
        let mut checker = checker(3);
        for (slot, round) in [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (1, 1), (1, 2), (0, 2)] {
            assert_eq!(send(&mut checker, slot, round), Some(Accepted { slot, round }));
        }
        let facts = (checker.compared_by_meaning, checker.ledger.returned, checker.ledger.out_of_order, checker.wrong);
        assert_eq!(facts, (3, 8, 0, 0));
    }

    #[test]
    fn wrong_values_topics_rounds_and_strangers_are_told() {
        let mut checker = checker(2);
        send(&mut checker, 0, 0);
        let id = id_of(0, 1);
        let cases: [(&[u8], String); 4] = [
            (b"out/0", format!(r#"{{"t":{id},"v":7}}"#)),
            (b"out/1", format!(r#"{{"t":{id},"v":0}}"#)),
            (b"out/0", format!(r#"{{"t":{},"v":0}}"#, id_of(0, 99_999))),
            (b"out/0", "{}".into()),
        ];
        for (topic, payload) in &cases {
            assert_eq!(checker.accept(topic, payload.as_bytes(), 1000), None, "{payload}");
        }
        assert_eq!((checker.wrong, checker.problems.len(), checker.ledger.returned), (4, 4, 1));
        assert_eq!((send(&mut checker, 0, 0), checker.ledger.duplicates), (None, 1));
    }
}
