//! A filter against sorted names: whether a name fits, and if not, which name is the next that could.
//!
//! Names are sorted by their bytes, so all names below `a/b` stand together, from `a/b/` to before `a/b0` (`0` follows `/`).
//! Other names may stand between `a/b` and `a/b/`: `a/b-2` does. That is why a literal level has two bounds.

use crate::topic::Level;

/// What a name is to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Fits,
    /// The next name that could fit is not before the bound.
    Seek,
    /// No name from here on can fit.
    Ends,
}

/// Compares a name with a filter; `bound` gets where to go on.
pub(super) fn fit(levels: &[Level], name: &[u8], bound: &mut Vec<u8>) -> Fit {
    let mut at = 0;
    // Where the last level ends that a wildcard took.
    let mut wildcard_end = None;
    for (index, level) in levels.iter().enumerate() {
        if index == 0 && !matches!(level, Level::Literal(_)) && name.first() == Some(&b'$') {
            return seek(bound, b"%"); // `%` follows `$`: such names are taken by no wildcard (MQTT 5 §4.7.2-1)
        }
        if matches!(level, Level::Rest) {
            return Fit::Fits;
        }
        let Some(rest) = name.get(at..) else {
            seek(bound, name);
            bound.push(0);
            return Fit::Seek;
        };
        let end = at + memchr::memchr(b'/', rest).unwrap_or(rest.len());
        match level {
            Level::Literal(text) if name[at..end] != *text.as_bytes() => {
                seek(bound, &name[..at]);
                bound.extend_from_slice(text.as_bytes());
                if bound.as_slice() > name {
                    return Fit::Seek;
                }
                bound.push(b'/');
                if bound.as_slice() > name {
                    return Fit::Seek;
                }
                return wildcard_end.map_or(Fit::Ends, |end: usize| seek_behind(bound, &name[..end]));
            }
            Level::Literal(_) => {}
            Level::CaptureRest => return Fit::Fits,
            Level::Any | Level::Capture | Level::Rest => wildcard_end = Some(end),
        }
        at = end + 1;
    }
    if at > name.len() { Fit::Fits } else { seek_behind(bound, &name[..at - 1]) }
}

fn seek(bound: &mut Vec<u8>, name: &[u8]) -> Fit {
    bound.clear();
    bound.extend_from_slice(name);
    Fit::Seek
}

/// Behind all names below `name`.
pub(super) fn seek_behind(bound: &mut Vec<u8>, name: &[u8]) -> Fit {
    seek(bound, name);
    bound.push(b'/' + 1);
    Fit::Seek
}
