//! How two route filters relate: does one hide the other, can a message meet both? `check` warns with the answers.
//!
//! Both answers are exact for topics of any depth. A filter is first brought into one shape: fixed levels, then
//! possibly "any further levels". `{x#}` is `+/#`, and so is a `#` that stands alone, because a topic has at least one
//! level. `/#` is `/+/#`, because its parent level would be the empty topic, which MQTT does not have.

use super::route_filter::{Level, RouteFilter};

/// A filter as fixed levels (`None` is a wildcard) and whether more levels may follow.
struct Shape<'a> {
    levels: Vec<Option<&'a str>>,
    is_open: bool,
}

impl<'a> Shape<'a> {
    fn of(filter: &'a RouteFilter) -> Self {
        let mut levels = Vec::with_capacity(filter.levels().len());
        let mut is_open = false;
        for level in filter.levels() {
            match level {
                Level::Literal(text) => levels.push(Some(&**text)),
                Level::Any | Level::Capture => levels.push(None),
                Level::Rest => is_open = true,
                Level::CaptureRest => {
                    levels.push(None);
                    is_open = true;
                }
            }
        }
        if is_open && matches!(levels[..], [] | [Some("")]) {
            levels.push(None);
        }
        Self { levels, is_open }
    }
}

/// A wildcard in the first level does not reach names that start with `$` (MQTT 5 §4.7.2-1).
fn wildcard_takes(index: usize, literal: &str) -> bool {
    index > 0 || !literal.starts_with('$')
}

/// Whether `a` matches every topic that `b` matches.
#[must_use]
pub fn covers(a: &RouteFilter, b: &RouteFilter) -> bool {
    let (a, b) = (Shape::of(a), Shape::of(b));
    let depth_fits =
        if a.is_open { b.levels.len() >= a.levels.len() } else { !b.is_open && b.levels.len() == a.levels.len() };
    depth_fits
        && a.levels.iter().zip(&b.levels).enumerate().all(|(index, pair)| match pair {
            (None, None) => true,
            (None, Some(literal)) => wildcard_takes(index, literal),
            (Some(_), None) => false,
            (Some(left), Some(right)) => left == right,
        })
}

/// Whether some topic is matched by both `a` and `b`.
#[must_use]
pub fn intersects(a: &RouteFilter, b: &RouteFilter) -> bool {
    let (a, b) = (Shape::of(a), Shape::of(b));
    let a_reaches = a.is_open || a.levels.len() >= b.levels.len();
    let b_reaches = b.is_open || b.levels.len() >= a.levels.len();
    a_reaches
        && b_reaches
        && a.levels.iter().zip(&b.levels).enumerate().all(|(index, pair)| match pair {
            (None, None) => true,
            (None, Some(literal)) | (Some(literal), None) => wildcard_takes(index, literal),
            (Some(left), Some(right)) => left == right,
        })
}
