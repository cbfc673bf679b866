//! How a store is, and what consumers say of themselves.

use super::{State, Store};
use crate::cursor::Position;
use crate::stats::{ConsumerStatus, LogStatus};

impl Store {
    pub(crate) fn status(&self) -> LogStatus {
        LogStatus {
            state: match self.state {
                State::Ok => "ok",
                State::Full => "full",
                State::Failing => "failing",
            },
            head: self.durable,
            durable: self.durable,
            pending_records: 0,
            pending_bytes: 0,
            bytes: self.total_bytes(),
            max_bytes: self.settings.max_bytes,
            segments: self.segments.len(),
            oldest_ns: self.segments.front().map(|segment| segment.created_ns),
            bytes_written: self.stats.bytes_written,
            content_bytes: self.stats.content_bytes,
            syncs: self.stats.syncs,
            sync_failures: self.stats.sync_failures,
            cursor_saves: self.stats.cursor_saves,
            sync_times: self.stats.sync_times(),
            dropped: self.stats.dropped,
            lost: self.stats.lost,
            damaged_bytes: self.stats.damaged_bytes,
            consumers: self.consumer_statuses(),
            numbers: self.segments.iter().map(|segment| segment.first..segment.end).collect(),
        }
    }

    fn consumer_statuses(&self) -> Vec<ConsumerStatus> {
        let consumers = self.cursors.consumers.iter().filter(|consumer| !consumer.is_forgotten);
        consumers
            .map(|consumer| {
                let position = &consumer.position;
                let owed =
                    self.segments.iter().filter(|segment| position.within(segment.first..segment.end).next().is_some());
                ConsumerStatus {
                    name: consumer.name.clone(),
                    is_present: false,
                    records_at_most: ConsumerStatus::owed(
                        position,
                        self.segments.iter().map(|segment| segment.first..segment.end),
                    ),
                    bytes_at_most: owed.clone().map(|segment| segment.bytes).sum(),
                    oldest_ns: owed.map(|segment| segment.created_ns).min(),
                }
            })
            .collect()
    }

    /// Consumers have come so far.
    pub(crate) fn set_positions(&mut self, positions: Vec<(u16, Position)>) {
        let oldest = self.oldest();
        for (number, mut position) in positions {
            position.clamp(oldest.min(position.next));
            if let Some(consumer) = self.cursors.consumers.get_mut(usize::from(number)) {
                consumer.position = position;
                self.cursors.is_dirty = true;
            }
        }
    }

    /// A consumer's backlog is nobody's any more.
    pub(crate) fn forget(&mut self, number: u16) {
        if let Some(consumer) = self.cursors.consumers.get_mut(usize::from(number)) {
            consumer.is_forgotten = true;
            consumer.position = Position { pending: Vec::new(), next: self.durable };
            self.cursors.is_dirty = true;
        }
    }
}
