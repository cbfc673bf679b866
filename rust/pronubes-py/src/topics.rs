//! Functions on topics and filters.

use pronubes_core::topic::{self, RouteFilter};
use pyo3::prelude::*;

use crate::error::{guard, topic_error};

/// Whether an MQTT filter matches a topic.
#[pyfunction]
pub fn topic_matches(py: Python<'_>, filter: &str, topic: &str) -> PyResult<bool> {
    guard(|| topic::topic_matches(filter, topic).map_err(|error| topic_error(py, &error)))
}

/// Checks an MQTT filter.
#[pyfunction]
pub fn validate_filter(py: Python<'_>, filter: &str) -> PyResult<()> {
    guard(|| topic::validate_filter(filter).map_err(|error| topic_error(py, &error)))
}

/// Checks a topic name.
#[pyfunction]
pub fn validate_topic(py: Python<'_>, topic: &str) -> PyResult<()> {
    guard(|| topic::validate_topic(topic).map_err(|error| topic_error(py, &error)))
}

/// Names of the captures of a route filter.
#[pyfunction]
pub fn captures(py: Python<'_>, filter: &str) -> PyResult<Vec<String>> {
    guard(|| Ok(parse(py, filter)?.captures().iter().map(ToString::to_string).collect()))
}

/// The MQTT filter of a route filter.
#[pyfunction]
pub fn mqtt_filter(py: Python<'_>, filter: &str) -> PyResult<String> {
    guard(|| Ok(parse(py, filter)?.mqtt_filter()))
}

/// Whether route filter `a` matches every topic that `b` matches.
#[pyfunction]
pub fn covers(py: Python<'_>, a: &str, b: &str) -> PyResult<bool> {
    guard(|| Ok(topic::covers(&parse(py, a)?, &parse(py, b)?)))
}

/// Whether some topic matches both route filters.
#[pyfunction]
pub fn intersects(py: Python<'_>, a: &str, b: &str) -> PyResult<bool> {
    guard(|| Ok(topic::intersects(&parse(py, a)?, &parse(py, b)?)))
}

fn parse(py: Python<'_>, filter: &str) -> PyResult<RouteFilter> {
    RouteFilter::parse(filter).map_err(|error| topic_error(py, &error))
}
