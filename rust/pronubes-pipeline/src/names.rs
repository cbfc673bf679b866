//! Names behind the numbers that records carry, shared by everything that was queued under one specification.

use std::collections::HashMap;
use std::sync::OnceLock;

use pronubes_core::matcher::RouteId;

/// Names of sources (by slot of the pipeline) and routes (by number of the plan).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of sources by slot.
    pub sources: Vec<Box<str>>,
    /// Names of routes by number.
    pub routes: Vec<Box<str>>,
    /// Names of captures by route.
    pub captures: Vec<Box<[Box<str>]>>,
    /// Routes by name, made when a log is read for the first time.
    pub(crate) by_name: OnceLock<HashMap<Box<str>, u32>>,
}

impl Names {
    /// The name of a source, or an empty one.
    #[must_use]
    pub fn source(&self, slot: u16) -> &str {
        self.sources.get(usize::from(slot)).map_or("", |name| name)
    }

    /// The name of a route, or an empty one.
    #[must_use]
    pub fn route(&self, route: RouteId) -> &str {
        self.routes.get(route.0 as usize).map_or("", |name| name)
    }

    /// The route of a name.
    #[must_use]
    pub fn route_of(&self, name: &str) -> Option<RouteId> {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let by_name = self
            .by_name
            .get_or_init(|| self.routes.iter().enumerate().map(|(at, name)| (name.clone(), number(at))).collect());
        by_name.get(name).copied().map(RouteId)
    }

    /// The slot of a source's name; the newest of that name.
    #[must_use]
    pub fn source_of(&self, name: &str) -> Option<u16> {
        self.sources.iter().rposition(|source| **source == *name).and_then(|slot| u16::try_from(slot).ok())
    }

    /// The place of a capture among those of a route.
    #[must_use]
    pub fn capture(&self, route: RouteId, name: &str) -> Option<usize> {
        self.captures.get(route.0 as usize)?.iter().position(|capture| **capture == *name)
    }

    /// Whether some route has this capture.
    #[must_use]
    pub fn has_capture(&self, name: &str) -> bool {
        self.captures.iter().flatten().any(|capture| **capture == *name)
    }
}

impl pronubes_log::NameTable for Names {
    fn route(&self, route: u32) -> &str {
        Self::route(self, RouteId(route))
    }

    fn source(&self, source: u16) -> &str {
        Self::source(self, source)
    }
}
