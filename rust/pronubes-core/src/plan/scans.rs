//! The scans of a plan: routes that can meet on a topic share one.

use std::collections::HashMap;

use super::route::Stages;
use super::stage::{ScanId, StatePlan};
use crate::payload::PathSetBuilder;
use crate::topic::{RouteFilter, intersects};

/// A shared scan takes in no further route once it has this many slots: each costs every message a little.
const SHARED_SLOTS: usize = 16;

/// The scans of the plan. The last one may be open for the next route, if the two can meet on a topic.
#[derive(Default)]
pub(super) struct Scans {
    pub(super) builders: Vec<PathSetBuilder>,
    /// Whether all steps are to run on the general path.
    pub(super) is_general: bool,
    pub(super) shared: Vec<(usize, RouteFilter)>,
    pub(super) states: Vec<StatePlan>,
    /// Stages by all that they depend on.
    pub(super) known: HashMap<String, Stages>,
}

impl Scans {
    /// The scan for the first stage of a route, and what it looks for already.
    pub(super) fn take_shared(&mut self, filter: Option<&RouteFilter>) -> (ScanId, PathSetBuilder) {
        let open = self.shared.last().map(|(scan, _)| *scan);
        let meets = filter.is_some_and(|filter| self.shared.iter().any(|(_, other)| intersects(filter, other)));
        let scan = match open.filter(|scan| meets && self.builders[*scan].paths().len() < SHARED_SLOTS) {
            Some(scan) => scan,
            None => {
                self.shared.clear();
                self.builders.push(PathSetBuilder::default());
                self.builders.len() - 1
            }
        };
        self.shared.extend(filter.map(|filter| (scan, filter.clone())));
        (ScanId(u32::try_from(scan).unwrap_or(u32::MAX)), std::mem::take(&mut self.builders[scan]))
    }

    pub(super) fn own(&mut self) -> (ScanId, PathSetBuilder) {
        self.builders.push(PathSetBuilder::default());
        (ScanId(u32::try_from(self.builders.len() - 1).unwrap_or(u32::MAX)), PathSetBuilder::default())
    }

    pub(super) fn give_back(&mut self, scan: ScanId, builder: PathSetBuilder) {
        self.builders[scan.0 as usize] = builder;
    }
}
