//! What the operating system says about the router: CPU time and memory of its process and all below it.
//!
//! `/proc/PID/task/TID/schedstat` counts nanoseconds on a core (`stat` only ticks of 10 ms, too coarse at 5,000 messages a second);
//! user and system time are both in it. Its second number is the time in which a thread could run and had no core: on a machine that does
//! other things a starved run looks like a slow router, so it is reported beside every figure.

use std::collections::HashMap;
use std::fs;

use crate::Failure;

/// The router's process and when it was started (nanoseconds since 1970), as the runner tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Router {
    pid: u32,
    pub(crate) started_ns: u64,
}

/// Nanoseconds on a core, and waiting for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) on_core: u64,
    pub(crate) waiting: u64,
}

/// Times by process and thread.
pub(crate) type Times = HashMap<(u32, u32), Time>;

/// Memory of the tree in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

impl Router {
    /// Reads `PID STARTED_NS`.
    pub(crate) fn parse(line: &str) -> Result<Self, Failure> {
        let mut words = line.split_ascii_whitespace().map(str::parse::<u64>);
        match (words.next(), words.next()) {
            (Some(Ok(pid)), Some(Ok(started_ns))) => Ok(Self { pid: u32::try_from(pid)?, started_ns }),
            _ => Err(format!("expected `PID STARTED_NS` on standard input, found `{}`", line.trim()).into()),
        }
    }

    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|(_, state)| state != 'Z')
    }

    /// This process.
    pub(crate) fn generator() -> Self {
        Self { pid: std::process::id(), started_ns: 0 }
    }

    pub(crate) fn times(self) -> Times {
        let mut times = HashMap::new();
        for pid in self.tree() {
            let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
            for task in tasks.flatten() {
                let Some(tid) = task.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
                let spent = fs::read_to_string(task.path().join("schedstat")).ok();
                if let Some(time) = spent.and_then(|text| schedstat(&text)) {
                    times.insert((pid, tid), time);
                }
            }
        }
        times
    }

    pub(crate) fn memory(self) -> Memory {
        self.tree().into_iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok()).fold(
            Memory::default(),
            |sum, status| Memory {
                resident: sum.resident + field(&status, "VmRSS:"),
                peak: sum.peak + field(&status, "VmHWM:"),
            },
        )
    }

    /// The process and all its descendants.
    fn tree(self) -> Vec<u32> {
        let Ok(entries) = fs::read_dir("/proc") else { return vec![self.pid] };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, stat(pid)?.0))).collect();
        let mut tree = vec![self.pid];
        let mut next = 0;
        while next < tree.len() {
            let parent = tree[next];
            tree.extend(parents.iter().filter(|(_, ppid)| *ppid == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        tree
    }
}

/// The time between two readings; a thread that is new in the second counts whole.
pub(crate) fn between(before: &Times, after: &Times) -> Time {
    after.iter().fold(Time::default(), |sum, (thread, time)| {
        let old = before.get(thread).copied().unwrap_or_default();
        Time {
            on_core: sum.on_core + time.on_core.saturating_sub(old.on_core),
            waiting: sum.waiting + time.waiting.saturating_sub(old.waiting),
        }
    })
}

fn schedstat(text: &str) -> Option<Time> {
    let mut words = text.split_ascii_whitespace().map(str::parse);
    Some(Time { on_core: words.next()?.ok()?, waiting: words.next()?.ok()? })
}

/// Parent and state of a process. The name in brackets may hold anything, so what follows the last bracket is read.
fn stat(pid: u32) -> Option<(u32, char)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    Some((words.next()?.parse().ok()?, state))
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_spends_time_and_has_memory() {
        let router = Router::parse(&format!("{} 7\n", std::process::id())).unwrap();
        let before = router.times();
        let mut sum = 0u64;
        for value in 0..20_000_000u64 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(value));
        }
        let used = between(&before, &router.times()).on_core;
        let memory = router.memory();
        assert!(used > 1_000_000, "{used} ns for a loop of 20 million");
        assert!(memory.resident > 500 && memory.peak >= memory.resident, "{memory:?}");
        assert!(router.is_alive() && router.started_ns == 7);
    }

    #[test]
    fn both_times_are_taken_between_two_readings() {
        let at = |text| schedstat(text).unwrap();
        let before = Times::from([((1, 1), at("100 10 3\n"))]);
        let after = Times::from([((1, 1), at("150 40 5\n")), ((1, 2), at("7 1 1\n"))]);
        assert_eq!(between(&before, &after), Time { on_core: 57, waiting: 31 });
    }

    #[test]
    fn a_line_that_names_no_process_is_refused() {
        assert!(Router::parse("").is_err() && Router::parse("12").is_err() && Router::parse("router 3").is_err());
    }
}
