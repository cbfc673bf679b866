//! The messages of a run and what must come back for each.
//!
//! A workload is a list of *slots*, sent round after round. Each payload carries one number of 13 digits that names slot and round,
//! `17RRRRRSSSSSS`: it looks like a time in milliseconds, costs a router what a time costs, and makes every message unique.
//! In the file it stands for round 0; the generator writes the round into it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Failure;
use crate::job::Job;

/// Digits of an id; the five of the round begin at `ROUND_AT`.
pub(crate) const ID_DIGITS: usize = 13;
pub(crate) const ROUND_AT: usize = 2;
pub(crate) const ROUND_DIGITS: usize = 5;
/// Rounds that an id can tell apart.
pub(crate) const MAX_ROUNDS: u64 = 100_000;
const MAX_SLOTS: usize = 1_000_000;
const FIRST_ID: u64 = 1_700_000_000_000;

/// The number that slot and round write into a payload.
pub(crate) fn id_of(slot: u32, round: u64) -> u64 {
    FIRST_ID + round * MAX_SLOTS as u64 + u64::from(slot)
}

/// One input and where its outputs stand in the list of all.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) topic: Box<str>,
    pub(crate) payload: Box<str>,
    pub(crate) first_output: usize,
    pub(crate) outputs: usize,
}

/// What must come back: a topic, and a payload to compare by meaning.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) slot: u32,
    pub(crate) topic: Box<str>,
    pub(crate) expected: Expected,
}

/// How an output's payload is judged.
#[derive(Debug)]
pub(crate) enum Expected {
    /// JSON of this meaning.
    Json(Box<RawValue>),
    /// The input's payload, byte for byte.
    Input,
}

/// All slots of a run.
#[derive(Debug, Default)]
pub(crate) struct Workload {
    pub(crate) slots: Vec<Slot>,
    pub(crate) outputs: Vec<Output>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    topic: Box<str>,
    payload: Box<str>,
    outputs: Vec<LineOutput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineOutput {
    topic: Box<str>,
    payload: Box<RawValue>,
}

impl Workload {
    /// Reads the job's file.
    pub(crate) fn load(job: &Job) -> Result<Self, Failure> {
        let path = &job.workload;
        let file = File::open(path).map_err(|error| format!("workload `{path}` cannot be read: {error}"))?;
        let mut workload = Self::default();
        for (number, line) in BufReader::with_capacity(1 << 20, file).lines().enumerate() {
            let line: Line =
                serde_json::from_str(&line?).map_err(|error| format!("`{path}` line {}: {error}", number + 1))?;
            workload.add(line, job.identity).map_err(|fault| format!("`{path}` line {}: {fault}", number + 1))?;
        }
        if workload.outputs.is_empty() {
            return Err(format!("workload `{path}` expects nothing to come back").into());
        }
        Ok(workload)
    }

    fn add(&mut self, line: Line, identity: bool) -> Result<(), String> {
        let slot = u32::try_from(self.slots.len()).ok().filter(|slot| (*slot as usize) < MAX_SLOTS);
        let slot = slot.ok_or(format!("more than {MAX_SLOTS} slots"))?;
        let first_output = self.outputs.len();
        if identity {
            self.outputs.push(Output { slot, topic: line.topic.clone(), expected: Expected::Input });
        } else {
            self.outputs.extend(line.outputs.into_iter().map(|output| Output {
                slot,
                topic: output.topic,
                expected: Expected::Json(output.payload),
            }));
        }
        let outputs = self.outputs.len() - first_output;
        if outputs > 0 && id_positions(&line.payload, slot).next().is_none() {
            return Err(format!("the payload does not hold the id `{}`", id_of(slot, 0)));
        }
        self.slots.push(Slot { topic: line.topic, payload: line.payload, first_output, outputs });
        Ok(())
    }
}

/// Where the id of a slot stands in its payload.
pub(crate) fn id_positions(payload: &str, slot: u32) -> impl Iterator<Item = usize> {
    let id = id_of(slot, 0).to_string();
    let positions: Vec<usize> = payload.match_indices(&id).map(|(at, _)| at).collect();
    positions.into_iter()
}

/// Reads digits; `None` when one is something else.
pub(crate) fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

/// Places in a payload that look like an id, with slot and round.
pub(crate) fn find_ids(payload: &[u8]) -> impl Iterator<Item = (usize, u32, u64)> {
    payload.windows(ID_DIGITS).enumerate().filter_map(move |(at, window)| {
        let alone = !payload.get(at + ID_DIGITS).is_some_and(u8::is_ascii_digit)
            && !at.checked_sub(1).is_some_and(|before| payload[before].is_ascii_digit());
        if !window.starts_with(b"17") || !alone {
            return None;
        }
        let round = digits(&window[ROUND_AT..ROUND_AT + ROUND_DIGITS])?;
        let slot = digits(&window[ROUND_AT + ROUND_DIGITS..])?;
        Some((at, u32::try_from(slot).ok()?, round))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_where_it_stands_and_nowhere_else() {
        assert_eq!(id_of(4711, 12), 1_700_012_004_711);
        assert_eq!(find_ids(br#"{"ts":1700012004711,"n":17000120047110}"#).collect::<Vec<_>>(), [(6, 4711, 12)]);
        assert_eq!(find_ids(b"{\"a\": 170001200471}").count(), 0);
        assert_eq!(id_positions("[1700000000007,1700000000007]", 7).collect::<Vec<_>>(), [1, 15]);
    }
}
