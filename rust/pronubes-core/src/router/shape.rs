//! A payload in another shape, on its way through the rest of the route.

use super::run::{Flow, Run};
use super::trace::Trace;
use super::work::Level;
use crate::outcome::Outlet;
use crate::plan::{About, Failure};

/// What came of a payload whose shape was to change.
pub(super) struct Reshaped<'b> {
    pub(super) number: u16,
    pub(super) payload: &'b [u8],
    /// When the value was true.
    pub(super) time_ns: Option<i64>,
}

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Runs the stages from `next` on. What leaves them has the time of the value.
    pub(super) fn go_on_in_shape(
        &mut self,
        reshaped: &Reshaped<'_>,
        (next, deeper): (usize, &mut [Level]),
        key: Option<&str>,
    ) -> Result<Flow, Failure<'p>> {
        let own = self.source_ns;
        self.source_ns = reshaped.time_ns.or(own);
        if T::IS_ON {
            self.trace.step(reshaped.number, true, reshaped.payload);
        }
        let flow = self.stage(next, deeper, reshaped.payload, key);
        self.source_ns = own;
        flow
    }
}

/// The failure of a step that a field or nothing is about.
pub(super) fn failure<'p>(
    number: u16,
    (reason, path): (crate::Reason, Option<&'p crate::payload::FieldPath>),
) -> Failure<'p> {
    Failure::step(number, reason, path.map_or(About::Nothing, About::Field))
}
