//! PINGREQ and the judgement whether the connection is alive (MQTT 5 §3.1.2.10).
//!
//! PINGREQ goes out every three quarters of the keep-alive, whatever else is sent: it costs two bytes, keeps the promise to the
//! broker without tracking writes, and notices a connection that swallows everything. Any byte received within half a keep-alive
//! after it proves life, so a dead connection is found after at most 1.25 keep-alives. While the caller does not read, pings go on
//! and the judgement waits (bento#489).

/// What the timer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Dead,
}

#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    /// 0 when off.
    keep_alive_ns: u64,
    next_ping: u64,
    /// Set while a PINGREQ is unanswered.
    answer_deadline: Option<u64>,
    is_paused: bool,
}

impl KeepAlive {
    pub(super) fn start(&mut self, keep_alive_s: u16, now: u64) {
        self.keep_alive_ns = u64::from(keep_alive_s) * 1_000_000_000;
        self.next_ping = now + self.interval();
        self.answer_deadline = None;
    }

    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    const fn interval(&self) -> u64 {
        self.keep_alive_ns / 4 * 3
    }

    const fn patience(&self) -> u64 {
        self.keep_alive_ns / 2
    }

    pub(super) fn heard(&mut self) {
        self.answer_deadline = None;
    }

    pub(super) fn pause(&mut self) {
        self.is_paused = true;
    }

    pub(super) fn resume(&mut self, now: u64) {
        self.is_paused = false;
        if self.answer_deadline.is_some() {
            self.answer_deadline = Some(now + self.patience());
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        if self.keep_alive_ns == 0 {
            return None;
        }
        let answer = self.answer_deadline.filter(|_| !self.is_paused).unwrap_or(u64::MAX);
        Some(answer.min(self.next_ping))
    }

    pub(super) fn poll(&mut self, now: u64) -> Due {
        if self.keep_alive_ns == 0 {
            return Due::Nothing;
        }
        if !self.is_paused && self.answer_deadline.is_some_and(|deadline| now >= deadline) {
            return Due::Dead;
        }
        if now < self.next_ping {
            return Due::Nothing;
        }
        self.next_ping = now + self.interval();
        self.answer_deadline.get_or_insert(now + self.keep_alive_ns / 2);
        Due::Ping
    }
}
