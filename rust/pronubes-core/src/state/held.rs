//! A message that a step holds back.

use super::Arrival;

/// A payload with the time that its source gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) source_ns: Option<i64>,
    pub(crate) payload: Vec<u8>,
}

impl Held {
    /// Holds this message in the place of what it held.
    #[inline]
    pub(crate) fn set(&mut self, arrival: &Arrival<'_>) {
        self.source_ns = arrival.source_ns;
        self.payload.clear();
        self.payload.extend_from_slice(arrival.payload);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.payload.capacity()
    }

    /// Writes it; it takes all that is left of the bytes.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.source_ns.unwrap_or(i64::MIN).to_le_bytes());
        out.extend_from_slice(&self.payload);
    }

    pub(crate) fn restore(bytes: &[u8]) -> Option<Self> {
        let (source, payload) = bytes.split_first_chunk::<8>()?;
        let source_ns = Some(i64::from_le_bytes(*source)).filter(|source| *source != i64::MIN);
        Some(Self { source_ns, payload: payload.to_vec() })
    }
}
