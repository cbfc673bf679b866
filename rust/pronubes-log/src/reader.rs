//! Reading records back, segment by segment, with a place remembered for each reader so that reading on costs nothing extra.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::format::Frame;
use crate::fs::{Access, File};
use crate::scan::{Scanner, Step, patient};
use crate::store::Store;

/// How many places are remembered: one for each sink that lags, within reason.
const PLACES: usize = 16;

/// What there is to be had of a record.
#[derive(Debug)]
pub(crate) enum Found {
    Frame(Box<Frame>),
    /// Nothing before this number.
    Nothing {
        next: u64,
    },
    /// It is not written yet.
    NotYet,
}

/// Where a segment was read up to.
#[derive(Clone, Copy)]
struct Place {
    life: u64,
    next: u64,
    offset: u64,
}

/// Reads records.
#[derive(Default)]
pub(crate) struct Reader {
    places: VecDeque<Place>,
    open: Option<(u64, std::sync::Arc<dyn File>)>,
}

/// A segment in which a record should be.
struct Located {
    life: u64,
    path: PathBuf,
    first: u64,
    end: u64,
    bytes: u64,
    id: u64,
    /// The first number of the segment behind it.
    behind: Option<u64>,
}

impl Reader {
    /// The frame that a record lies in. The store is locked only to ask it where.
    pub(crate) fn find(&mut self, store: &Mutex<Store>, seq: u64) -> Found {
        let located = match locate(&store.lock().unwrap_or_else(PoisonError::into_inner), seq) {
            Ok(located) => located,
            Err(found) => return found,
        };
        match self.search(store, &located, seq) {
            Ok(found) => found,
            // It cannot be opened or read: what it had is lost, as far as this run can tell.
            Err(_) => {
                self.open = None;
                let next = located.behind.unwrap_or(located.end).max(seq + 1);
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                store.note_gap(located.first, u64::MAX, seq..located.end);
                Found::Nothing { next }
            }
        }
    }

    fn search(&mut self, store: &Mutex<Store>, located: &Located, seq: u64) -> io::Result<Found> {
        let file = match &self.open {
            Some((life, file)) if *life == located.life => std::sync::Arc::clone(file),
            _ => {
                let fs = std::sync::Arc::clone(&store.lock().unwrap_or_else(PoisonError::into_inner).fs);
                let file = patient(|| fs.open(&located.path, Access::Read))?;
                self.open = Some((located.life, std::sync::Arc::clone(&file)));
                file
            }
        };
        let is_before = |place: &&Place| place.life == located.life && place.next <= seq;
        let place = self.places.iter().filter(is_before).max_by_key(|place| place.next).copied();
        let start = Place { life: located.life, next: located.first, offset: Store::first_offset() };
        let Place { next: mut expected, offset, .. } = place.unwrap_or(start);
        let mut scanner = Scanner::new(&*file, located.id, offset, expected, located.bytes);
        loop {
            let step = patient(|| scanner.step())?;
            let guard = || store.lock().unwrap_or_else(PoisonError::into_inner);
            match step {
                Step::Frame(frame, offset) => {
                    if frame.first() > expected && frame.first() <= located.end {
                        guard().note_gap(located.first, offset, expected..frame.first());
                    }
                    expected = frame.end();
                    if frame.first() >= located.end {
                        break;
                    }
                    if frame.end() > seq {
                        self.remember(Place { life: located.life, next: frame.end(), offset: scanner.offset });
                        return Ok(if frame.first() > seq {
                            Found::Nothing { next: frame.first() }
                        } else {
                            Found::Frame(frame)
                        });
                    }
                }
                Step::Damage { from, to } => _ = guard().keep_aside(&*file, &located.path, from..to),
                Step::End { at, is_torn } => {
                    if expected < located.end {
                        let mut store = guard();
                        if is_torn {
                            store.keep_aside(&*file, &located.path, at..located.bytes);
                        }
                        store.note_gap(located.first, at, expected..located.end);
                    }
                    break;
                }
            }
        }
        Ok(Found::Nothing { next: located.behind.unwrap_or(located.end).max(seq + 1) })
    }

    fn remember(&mut self, place: Place) {
        // A reader that goes on replaces its own place: the nearest one before.
        if let Some(at) = self.places.iter().position(|known| known.life == place.life && known.next < place.next) {
            self.places.remove(at);
        }
        self.places.push_back(place);
        if self.places.len() > PLACES {
            self.places.pop_front();
        }
    }
}

fn locate(store: &Store, seq: u64) -> Result<Located, Found> {
    let at = store.segments.partition_point(|segment| segment.first <= seq);
    let behind = store.segments.get(at).map(|segment| segment.first);
    let Some(segment) = at.checked_sub(1).and_then(|at| store.segments.get(at)) else {
        return Err(behind.map_or(Found::NotYet, |next| Found::Nothing { next }));
    };
    if seq >= segment.end {
        return Err(behind.map_or(Found::NotYet, |next| Found::Nothing { next }));
    }
    let (path, first, end, bytes) = (segment.path.clone(), segment.first, segment.end, segment.bytes);
    Ok(Located { life: segment.life, path, first, end, bytes, id: store.id, behind })
}
