//! A clock that only creeps forward. Callers should pass monotonic time; this guards the session when they cannot, and when the
//! whole process was asleep (a suspended laptop, a stopped virtual machine).
//!
//! Two rules: time that runs backwards stands still, and a call that comes later than promised by more than [`LATE_NS`] counts as
//! a jump. After a jump the session's own time stands [`GRACE_NS`] before the deadline that was missed, so that what waits in the
//! socket is read before anything is judged dead.

/// A caller this late was asleep, not slow.
const LATE_NS: u64 = 5_000_000_000;
/// What is left until the missed deadline after a jump.
const GRACE_NS: u64 = 1_000_000_000;

/// Translates the caller's time into time that never runs backwards and never skips a deadline unseen.
#[derive(Debug, Default)]
pub(super) struct SteadyClock {
    /// Caller's time minus session time.
    offset: i128,
    now: u64,
}

impl SteadyClock {
    /// Session time for the caller's `outside_ns`, given the next deadline in session time.
    pub(super) fn read(&mut self, outside_ns: u64, deadline: Option<u64>) -> u64 {
        let seen = i128::from(outside_ns) - self.offset;
        let steady = match deadline {
            _ if seen < i128::from(self.now) => self.now,
            Some(deadline) if seen > i128::from(deadline.saturating_add(LATE_NS)) => {
                deadline.saturating_sub(GRACE_NS).max(self.now)
            }
            _ => u64::try_from(seen).unwrap_or(u64::MAX),
        };
        self.offset = i128::from(outside_ns) - i128::from(steady);
        self.now = steady;
        steady
    }

    /// A deadline of the session in the caller's time.
    pub(super) fn outside(&self, deadline: u64) -> u64 {
        u64::try_from((i128::from(deadline) + self.offset).max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn time_that_runs_backwards_stands_still_and_then_goes_on() {
        let mut clock = SteadyClock::default();
        assert_eq!(clock.read(100 * SECOND, None), 100 * SECOND);
        assert_eq!(clock.read(10 * SECOND, Some(101 * SECOND)), 100 * SECOND);
        assert_eq!(clock.outside(101 * SECOND), 11 * SECOND);
        assert_eq!(clock.read(11 * SECOND, Some(101 * SECOND)), 101 * SECOND);
    }

    #[test]
    fn a_jump_leaves_a_second_before_the_deadline() {
        let mut clock = SteadyClock::default();
        clock.read(SECOND, None);
        assert_eq!(clock.read(300 * 365 * 86_400 * SECOND, Some(5 * SECOND)), 4 * SECOND);
        assert_eq!(clock.outside(5 * SECOND), 300 * 365 * 86_400 * SECOND + SECOND);
    }

    #[test]
    fn a_late_but_waking_caller_is_taken_at_its_word() {
        let mut clock = SteadyClock::default();
        assert_eq!(clock.read(9 * SECOND, Some(5 * SECOND)), 9 * SECOND);
    }
}
