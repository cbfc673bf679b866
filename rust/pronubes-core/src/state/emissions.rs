//! Payloads that a stateful step lets go.

/// What a step lets go of one key, in order. Used again from message to message.
#[derive(Debug, Default)]
pub(crate) struct Emissions {
    bytes: Vec<u8>,
    /// Where each ends, and when it was true at the source.
    ends: Vec<(usize, Option<i64>)>,
}

impl Emissions {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a payload with the time that counts as its source's: nanoseconds since 1970 UTC.
    pub(crate) fn push(&mut self, source_ns: Option<i64>, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push((self.bytes.len(), source_ns));
    }

    /// The payloads with their times.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<i64>)> {
        let mut start = 0;
        self.ends.iter().map(move |(end, source_ns)| {
            let payload = &self.bytes[start..*end];
            start = *end;
            (payload, *source_ns)
        })
    }
}
