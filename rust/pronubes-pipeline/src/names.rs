//! Names behind the numbers that records carry, shared by everything that was queued under one specification.

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
