//! Codecs while a route runs: other bytes become JSON in front, JSON becomes other bytes behind.

use super::run::{Flow, Run};
use super::trace::Trace;
use crate::Reason;
use crate::expr::Inputs;
use crate::outcome::Outlet;
use crate::payload::codec::CodecWork;
use crate::payload::{Cell, Fault, TextArena};
use crate::plan::{About, Failure, Recode};

/// The memory that codecs need.
#[derive(Debug, Default)]
pub(super) struct Recoding {
    pub(super) out: Vec<u8>,
    work: CodecWork,
}

/// A payload that is going to leave, with what it stands among.
pub(super) struct Leaving<'b, 'i> {
    pub(super) payload: &'b [u8],
    pub(super) cells: &'b [Cell],
    pub(super) inputs: &'b Inputs<'i>,
    pub(super) text: &'b mut TextArena,
    pub(super) key: Option<&'b str>,
    /// Whether it breaks its contract and gets a mark for that.
    pub(super) is_marked: bool,
}

/// Whether a codec is to be used.
fn holds<'p>(
    recode: &'p Recode,
    inputs: &Inputs<'_>,
    cells: &[Cell],
    text: &mut TextArena,
) -> Result<bool, Failure<'p>> {
    let Some(condition) = &recode.condition else { return Ok(true) };
    let failed = |reason| Failure::step(recode.number, reason, About::Expression(condition.text()));
    condition.eval_bool(&mut inputs.scope(cells, text)).map_err(failed)
}

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Decodes a payload into `recoding.out`; false where the condition does not hold.
    pub(super) fn decode(
        &mut self,
        recode: &'p Recode,
        payload: &[u8],
        inputs: &Inputs<'_>,
        text: &mut TextArena,
        recoding: &mut Recoding,
    ) -> Result<bool, Failure<'p>> {
        let is_decoded = holds(recode, inputs, &[], text)?;
        if is_decoded {
            recoding.out.clear();
            let Recoding { out, work } = recoding;
            recode
                .codec
                .decode(payload, &self.plan.payload_limits, work, out)
                .map_err(|fault| Failure::step(recode.number, fault.reason, About::Byte(fault.offset)))?;
        }
        if T::IS_ON {
            self.trace.step(recode.number, is_decoded, if is_decoded { &recoding.out } else { payload });
        }
        Ok(is_decoded)
    }

    /// Encodes a payload and emits it to all targets.
    pub(super) fn finish_encoded(
        &mut self,
        recode: &'p Recode,
        leaving: Leaving<'_, '_>,
        recoding: &mut Recoding,
    ) -> Result<Flow, Failure<'p>> {
        let Leaving { payload, cells, inputs, text, key, is_marked } = leaving;
        let is_encoded = holds(recode, inputs, cells, text)?;
        let marked = if is_marked { self.marked(payload) } else { None };
        let json = marked.as_deref().unwrap_or(payload);
        let encoded = if is_encoded { encode(recode, json, recoding).map(|()| &recoding.out[..]) } else { Ok(json) };
        let result = encoded.map_err(|fault| {
            let about =
                if fault.reason == Reason::MissingField { About::Nothing } else { About::JsonByte(fault.offset) };
            Failure::step(recode.number, fault.reason, about)
        });
        let result = result.and_then(|output| {
            if T::IS_ON {
                self.trace.step(recode.number, is_encoded, output);
            }
            self.finish(output, cells, inputs, text, key)
        });
        self.give_back(marked);
        result?;
        self.tally.finished += 1;
        Ok(Flow::Taken)
    }
}

fn encode(recode: &Recode, json: &[u8], recoding: &mut Recoding) -> Result<(), Fault> {
    let Recoding { out, work } = recoding;
    out.clear();
    recode.codec.encode(json, work, out)
}
