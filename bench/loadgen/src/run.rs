//! One run from the first connection to the report: ready, verify, warm up, measure, drain.
//!
//! One thread turns in one loop: read all connections, judge what came, write what is due. It never sleeps: the generator has a core for
//! itself, and waking up would be seen in the latencies.

use std::io::ErrorKind;
use std::net::TcpListener;

use crate::Failure;
use crate::broker::Link;
use crate::clock::{Clock, nanoseconds};
use crate::codec::{Malformed, Version};
use crate::desk::{Desk, Role};
use crate::job::Job;
use crate::pace::Pace;
use crate::process::{self, Router};
use crate::report::{Latency, Measured, Report};
use crate::sender::{Phase, Sender};
use crate::workload::Workload;

/// Outputs on their way while outputs are compared by meaning.
const VERIFY_IN_FLIGHT: u64 = 2_000;
/// Wrong messages after which a run ends.
const TOO_WRONG: u64 = 10_000;
/// Time between two looks at the slower things: new connections, the end of the router.
const SELDOM_NS: u64 = 5_000_000;

/// A run under way.
pub(crate) struct Run<'a> {
    job: &'a Job,
    clock: Clock,
    listener: TcpListener,
    router: Router,
    links: Vec<Link>,
    desk: Desk,
    received_bytes: u64,
    busy_ns: u64,
    next_look: u64,
    problems: Vec<String>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        job: &'a Job,
        workload: Workload,
        listener: TcpListener,
        router: Router,
    ) -> Result<Self, Failure> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            job,
            clock: Clock::start(),
            listener,
            router,
            links: Vec::new(),
            desk: Desk::new(workload),
            received_bytes: 0,
            busy_ns: 0,
            next_look: 0,
            problems: Vec::new(),
        })
    }

    /// Runs all phases.
    pub(crate) fn execute(mut self) -> Result<Report, Failure> {
        let version = self.await_ready()?;
        self.verify()?;
        let measured = if self.problems.is_empty() { self.measure()? } else { Measured::default() };
        self.drain()?;
        Ok(self.report(version, measured))
    }

    fn await_ready(&mut self) -> Result<Version, Failure> {
        let deadline = nanoseconds(self.job.ready_s);
        loop {
            self.turn()?;
            let source = self.links.iter().position(|link| link.is_source);
            let connected = self.links.iter().filter(|link| link.is_connected).count();
            if let Some(source) = source.filter(|_| connected >= self.job.links) {
                let Link { version, receive_maximum, .. } = self.links[source];
                let window = self.job.window.min(usize::from(receive_maximum));
                let slots = self.desk.checker.slots();
                self.desk.sender = Some(Sender::new(slots, version, self.job.qos, window, self.job.max_in_flight)?);
                return Ok(version);
            }
            if self.clock.now() > deadline {
                let subscribed = if source.is_some() { "has" } else { "has not" };
                let wanted = self.job.links;
                return Err(format!(
                    "after {} s the router {subscribed} subscribed and {connected} of {wanted} connections are there",
                    self.job.ready_s
                )
                .into());
            }
        }
    }

    /// Sends whole rounds slowly enough to compare everything by meaning.
    fn verify(&mut self) -> Result<(), Failure> {
        let limit = self.job.verify_rounds * self.desk.checker.slots().len() as u64;
        self.begin(Phase { pace: Pace::Flood, began: self.clock.now(), limit, max_in_flight: VERIFY_IN_FLIGHT });
        let deadline = self.clock.now() + nanoseconds(self.job.verify_s);
        while !self.is_settled() {
            self.turn()?;
            if self.clock.now() > deadline {
                self.problems.push(format!(
                    "{} came back of {limit} verifying inputs in {} s",
                    self.returned(),
                    self.job.verify_s
                ));
                break;
            }
        }
        if self.desk.checker.wrong > 0 {
            self.problems.push("what came back was wrong: nothing was timed".into());
        }
        Ok(())
    }

    fn measure(&mut self) -> Result<Measured, Failure> {
        let began = self.clock.now();
        let max_in_flight = self.job.max_in_flight;
        self.begin(Phase { pace: self.job.pace, began, limit: u64::MAX, max_in_flight });
        self.turn_until(began + nanoseconds(self.job.warmup_s))?;
        self.desk.latency.clear();
        self.with_sender(|sender| sender.ack_latency.clear());
        let (cpu, own, from) = (self.router.times(), Router::generator().times(), self.clock.now());
        let before = self.counts();
        self.busy_ns = 0;
        self.turn_until(from + nanoseconds(self.job.measure_s))?;
        let (after, until) = (self.counts(), self.clock.now());
        let router = process::between(&cpu, &self.router.times());
        let generator = process::between(&own, &Router::generator().times());
        let cpu_ns = router.on_core;
        let memory = self.router.memory();
        let [inputs, outputs, bytes_to_router, bytes_from_router] =
            std::array::from_fn(|index| after[index] - before[index]);
        let seconds = (until - from) as f64 / 1e9;
        Ok(Measured {
            seconds,
            inputs,
            outputs,
            bytes_to_router,
            bytes_from_router,
            cpu_ns,
            cpu_us_per_message: if outputs > 0 { cpu_ns as f64 / 1000.0 / outputs as f64 } else { 0.0 },
            router_cores: cpu_ns as f64 / 1e9 / seconds,
            router_waiting: router.waiting as f64 / 1e9 / seconds,
            generator_waiting: generator.waiting as f64 / 1e9 / seconds,
            generator_busy: self.busy_ns as f64 / 1e9 / seconds,
            rate: outputs as f64 / seconds,
            latency_us: Latency::of(&self.desk.latency),
            ack_latency_us: self
                .desk
                .sender
                .as_ref()
                .map_or_else(Latency::default, |sender| Latency::of(&sender.ack_latency)),
            resident_kib: memory.resident,
            peak_kib: memory.peak,
        })
    }

    fn drain(&mut self) -> Result<(), Failure> {
        if self.desk.sender.as_ref().is_some_and(Sender::is_out_of_ids) {
            self.problems.push("the generator ran out of ids: measure for a shorter time or use more slots".into());
        }
        self.with_sender(Sender::stop);
        let deadline = self.clock.now() + nanoseconds(self.job.drain_s);
        while !self.is_settled() && self.clock.now() < deadline {
            self.turn()?;
        }
        // A duplicate would come after the last message that is missed.
        self.turn_until(self.clock.now() + nanoseconds(0.05))
    }

    fn report(mut self, version: Version, measured: Measured) -> Report {
        let (checker, sender) = (&mut self.desk.checker, self.desk.sender.as_ref());
        let mut problems = self.problems;
        problems.append(&mut checker.problems);
        let (sent, expected, acked) = sender.map_or((0, 0, 0), |sender| (sender.sent, sender.expected, sender.acked));
        let ledger = &checker.ledger;
        let lost = expected.saturating_sub(ledger.returned);
        let unacked = if self.job.qos > 0 { sent - acked } else { 0 };
        let strange = sender.map_or(0, |sender| sender.strange_acks);
        for (count, what) in [
            (lost, "outputs did not come back"),
            (ledger.duplicates, "outputs came twice"),
            (ledger.out_of_order, "outputs came after a later one of the same topic"),
            (unacked, "inputs were not acknowledged"),
            (strange, "acknowledgements were for nothing that was sent"),
        ] {
            if count > 0 {
                problems.push(format!("{count} {what}"));
            }
        }
        let since_start = |at: Option<u64>| at.map_or(0.0, |at| at.saturating_sub(self.router.started_ns) as f64 / 1e6);
        Report {
            ok: problems.is_empty() && checker.wrong == 0,
            problems,
            protocol: if version == Version::V5 { "5.0" } else { "3.1.1" },
            sent,
            expected,
            returned: ledger.returned,
            lost,
            duplicates: ledger.duplicates,
            out_of_order: ledger.out_of_order,
            wrong: checker.wrong,
            compared_by_meaning: checker.compared_by_meaning,
            acked,
            acked_ahead: sender.map_or(0, |sender| sender.acked_ahead),
            subscribed_ms: since_start(self.desk.subscribed_ns),
            first_message_ms: since_start(self.desk.first_message_ns),
            measured,
        }
    }

    fn begin(&mut self, phase: Phase) {
        self.with_sender(|sender| sender.begin(phase));
    }

    fn with_sender(&mut self, change: impl FnOnce(&mut Sender)) {
        if let Some(sender) = &mut self.desk.sender {
            change(sender);
        }
    }

    fn returned(&self) -> u64 {
        self.desk.checker.ledger.returned
    }

    /// Inputs, outputs, bytes to the router, bytes from it.
    fn counts(&self) -> [u64; 4] {
        let (sent, bytes) = self.desk.sender.as_ref().map_or((0, 0), |sender| (sender.sent, sender.sent_bytes));
        [sent, self.returned(), bytes, self.received_bytes]
    }

    /// Nothing is left to send, to come back or to be acknowledged.
    fn is_settled(&self) -> bool {
        self.desk.sender.as_ref().is_none_or(|sender| {
            sender.is_done() && sender.is_acknowledged() && self.desk.checker.ledger.returned >= sender.expected
        })
    }

    fn turn_until(&mut self, deadline: u64) -> Result<(), Failure> {
        while self.clock.now() < deadline {
            self.turn()?;
        }
        Ok(())
    }

    /// Reads, judges, writes once.
    fn turn(&mut self) -> Result<(), Failure> {
        let now = self.clock.now();
        if now >= self.next_look {
            self.next_look = now + SELDOM_NS;
            self.look()?;
        }
        let mut has_worked = false;
        for link in &mut self.links {
            if link.read()? {
                has_worked = true;
                let (mut version, mut kind) = (link.version, Role::default());
                let desk = &mut self.desk;
                let read = self.clock.now();
                let mut used = 0;
                link.parse(|input, output| {
                    used = desk.serve(input, output, &mut version, &mut kind, read)?;
                    Ok::<usize, Malformed>(used)
                })
                .map_err(|fault| format!("the router sent a malformed packet: {}", fault.0))?;
                self.received_bytes += used as u64;
                link.version = version;
                kind.apply(link);
            }
            if let Some(sender) = self.desk.sender.as_mut().filter(|_| link.is_source) {
                has_worked |= sender.fill(&mut link.output, self.desk.checker.ledger.returned, now) > 0;
            }
            has_worked |= link.flush()?;
        }
        if has_worked {
            self.busy_ns += self.clock.now() - now;
        } else {
            (0..64).for_each(|_| std::hint::spin_loop());
        }
        Ok(())
    }

    /// What need not be looked at in every turn.
    fn look(&mut self) -> Result<(), Failure> {
        match self.listener.accept() {
            Ok((stream, _)) => self.links.push(Link::new(stream)?),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if self.desk.sender.is_none() {
            self.links.retain(|link| !link.is_closed); // a router may try and come again while it starts
        } else if self.links.iter().any(|link| link.is_closed && (link.is_connected || link.is_source)) {
            return Err("the router closed a connection during the run".into());
        }
        if !self.router.is_alive() {
            return Err("the router ended during the run".into());
        }
        if self.desk.checker.wrong > TOO_WRONG {
            return Err(format!(
                "the router sends wrong messages; the first: {}",
                self.desk.checker.problems.join(" · ")
            )
            .into());
        }
        Ok(())
    }
}
