//! Status: the three ledgers, and what lies where. What is buffered is counted by walking the buffers, never by a counter: a ledger
//! that checks itself against its own sums would find nothing.

use pronubes_core::catalog::{Catalog, CatalogStats};
use pronubes_core::contract::ContractReport;
use pronubes_core::{Coverage, RouteStats, SourceStats};
use serde::Serialize;

use crate::floor::SinkKind;
use crate::lane::Lane;
use crate::pipeline::{Pipeline, Port};
use crate::queue::Policy;
use crate::reload::{Carried, add_route, add_source};
use crate::settle::ring;
use crate::sink::SinkCounters;
use crate::tables::TableStatus;
use crate::timed::StateStatus;

/// A source: received = matched + unrouted + rejected + dropped.
#[derive(Debug, Serialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: Box<str>,
    /// The ledger; what has no valid topic counts as rejected.
    #[serde(flatten)]
    pub ledger: SourceStats,
    /// Messages lost before they were routed: none, as long as every policy is `block`.
    pub dropped: u64,
    /// Messages (batches, for batch sources) that are not settled.
    pub unsettled: usize,
    /// How long the oldest of them has been the oldest, in nanoseconds: so long nothing was acknowledged.
    pub oldest_unsettled_age_ns: Option<i64>,
    /// Messages that a sink lost and that were asked for again.
    pub failed: u64,
    /// Whether it is told to pause.
    pub is_paused: bool,
}

/// A route: matched + forked = passed + filtered + absorbed + in_hooks + quarantined + rejected.
#[derive(Debug, Serialize)]
pub struct RouteStatus {
    /// Its name.
    pub name: Box<str>,
    /// Messages whose topic and source it wants.
    pub matched: u64,
    /// What splitting in front of a hook added.
    pub forked: u64,
    /// Messages that left for its sinks.
    pub passed: u64,
    /// Messages that a condition or a hook sent away.
    pub filtered: u64,
    /// Messages that stateful steps kept to themselves.
    pub absorbed: u64,
    /// Messages in hooks.
    pub in_hooks: u64,
    /// Messages in the quarantine.
    pub quarantined: u64,
    /// Messages that a contract of mode `reject` threw away.
    pub rejected: u64,
    /// Those in the quarantine and those thrown away by reason code.
    pub reasons: std::collections::BTreeMap<&'static str, u64>,
}

/// A sink: emitted = delivered + dropped + quarantined + buffered.
#[derive(Debug, Serialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: Box<str>,
    /// `mqtt`, `batch` or `latest`.
    pub kind: &'static str,
    /// What happens when its queue is full; nothing for a sink without a queue.
    pub policy: Option<Policy>,
    /// The ledger's counters.
    #[serde(flatten)]
    pub counters: SinkCounters,
    /// Messages inside, by walking.
    pub buffered: u64,
    /// Bytes that wait.
    pub queued_bytes: usize,
    /// How long the oldest of them has waited, in nanoseconds.
    pub oldest_age_ns: Option<i64>,
    /// Whether it holds its sources up.
    pub is_full: bool,
    /// Whether a reload removed it and it drains.
    pub is_retired: bool,
    /// What the logs owe it, where a log stands behind it.
    pub backlog: Option<Backlog>,
}

/// What the logs owe a sink.
#[derive(Debug, Serialize)]
pub struct Backlog {
    /// `live`, `lagging` (new messages pass it by) or `replaying` (what it missed comes back).
    pub state: &'static str,
    /// Messages of this run that wait in the logs.
    pub records: u64,
    /// How long the oldest of them has waited, in nanoseconds.
    pub oldest_age_ns: Option<i64>,
    /// Messages that came back out of the logs.
    pub replayed: u64,
}

/// A connection.
#[derive(Debug, Serialize)]
pub struct ConnectionStatus {
    /// Its number.
    pub connection: u32,
    /// `source` or `sink`.
    pub role: &'static str,
    /// Whose.
    pub name: Box<str>,
    /// Where its session is.
    pub state: &'static str,
    /// Messages received and published.
    pub received: u64,
    /// Messages published.
    pub published: u64,
    /// Messages sent again.
    pub sent_again: u64,
    /// How often it was connected.
    pub connections: u64,
    /// Messages on their way to the broker.
    pub inflight: usize,
    /// The broker's messages that are not acknowledged.
    pub unacknowledged: usize,
}

/// The quarantine's queue: received = written + evicted + buffered.
#[derive(Debug, Serialize)]
pub struct QuarantineStatus {
    /// Records taken in.
    pub received: u64,
    /// Records written.
    pub written: u64,
    /// Records evicted because memory was short.
    pub evicted: u64,
    /// Records inside, by walking.
    pub buffered: u64,
}

/// Sums over all sources, routes and sinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Messages that came in.
    pub received: u64,
    /// Messages that sinks have; one message may count for several sinks.
    pub delivered: u64,
    /// Messages that conditions or hooks sent away.
    pub filtered: u64,
    /// Messages that stateful steps kept to themselves.
    pub absorbed: u64,
    /// Messages in the quarantine, whoever sent them there.
    pub quarantined: u64,
    /// Messages that no route took.
    pub unrouted: u64,
    /// Messages that contracts of mode `reject` threw away.
    pub rejected: u64,
    /// Messages lost by a policy.
    pub dropped: u64,
    /// Messages inside: in sinks and in hooks.
    pub buffered: u64,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Whether every ledger adds up. If not, that is a defect.
    pub balanced: bool,
    /// Holds that were dropped: each is a defect, though no loss.
    pub lost_holds: u64,
    /// Sums.
    pub totals: Totals,
    /// Sources.
    pub sources: Vec<SourceStatus>,
    /// Routes.
    pub routes: Vec<RouteStatus>,
    /// Sinks.
    pub sinks: Vec<SinkStatus>,
    /// Connections.
    pub connections: Vec<ConnectionStatus>,
    /// The quarantine.
    pub quarantine: QuarantineStatus,
    /// What stateful steps remember.
    pub states: Vec<StateStatus>,
    /// The tables that steps look up.
    pub tables: Vec<TableStatus>,
    /// What contracts found, by name, without the offenders.
    pub contracts: Vec<ContractReport>,
    /// Messages that wait in hooks or are with Python, by walking.
    pub in_hooks: u64,
    /// The catalogue, where there is one.
    pub catalog: Option<CatalogStats>,
    /// The logs, where there are any.
    pub logs: LogsStatus,
    /// Messages of sources that wait for the disk.
    pub waiting_for_disk: usize,
}

/// The logs of a node.
#[derive(Debug, Default, Serialize)]
pub struct LogsStatus {
    /// That of class `durable`.
    pub durable: Option<pronubes_log::LogStatus>,
    /// That of class `spill`.
    pub spill: Option<pronubes_log::LogStatus>,
}

impl Pipeline {
    /// Begins to note what of the routes is run: for tests of configurations, since it costs time.
    pub fn cover(&mut self) {
        self.router.cover();
    }

    /// What of the routes was run since [`Pipeline::cover`].
    #[must_use]
    pub fn coverage(&self) -> Option<&Coverage> {
        self.router.coverage()
    }

    /// The three ledgers, queues and connections.
    #[must_use]
    pub fn status(&self, now_ns: i64) -> Status {
        let mut sum = Carried::default();
        sum.add(&self.router);
        self.retired.iter().for_each(|retired| sum.add(&retired.router));
        for (name, stats) in &self.carried.sources {
            add_source(sum.sources.entry(name.clone()).or_default(), stats);
        }
        for (name, stats) in &self.carried.routes {
            add_route(sum.routes.entry(name.clone()).or_default(), stats);
        }
        let mut status = Status {
            balanced: false,
            lost_holds: self.lost_holds,
            totals: Totals::default(),
            sources: self.source_statuses(&sum, now_ns),
            contracts: self
                .contracts_report()
                .into_iter()
                .map(|report| ContractReport { offenders: Vec::new(), ..report })
                .collect(),
            routes: self.route_statuses(sum),
            states: self.state_statuses(),
            tables: self.table_statuses(),
            sinks: self.sink_statuses(now_ns),
            connections: (0..self.connections.len()).filter_map(|number| self.connection_status(number)).collect(),
            quarantine: self.quarantine_status(),
            in_hooks: self.floor.hooks.iter().map(|hook| hook.queue.walk() as u64).sum(),
            catalog: self.router.catalog().map(Catalog::stats),
            logs: LogsStatus {
                durable: self.floor.logs.durable.as_ref().map(pronubes_log::Log::status),
                spill: self.floor.logs.spill.as_ref().map(pronubes_log::Log::status),
            },
            waiting_for_disk: self.floor.logs.waiting(),
        };
        status.balanced = status.is_balanced();
        status.totals = status.totals();
        self.add_gone_sinks(&mut status.totals);
        status
    }

    /// What contracts found, by name, with a sample of the offenders. Contracts of earlier plans count on.
    #[must_use]
    pub fn contracts_report(&self) -> Vec<ContractReport> {
        let mut sum = Carried { contracts: self.carried.contracts.clone(), ..Carried::default() };
        let retired = self.retired.iter().map(|retired| &retired.router);
        retired.chain([&self.router]).for_each(|router| sum.add_contracts(router));
        sum.contracts.into_values().collect()
    }

    fn source_statuses(&self, sum: &Carried, now_ns: i64) -> Vec<SourceStatus> {
        let sources = self.sources.iter().enumerate().filter(|(_, source)| !source.is_gone);
        sources
            .map(|(slot, source)| {
                let mut ledger = sum.sources.get(&source.name).copied().unwrap_or_default();
                ledger.received += source.invalid;
                ledger.rejected += source.invalid;
                SourceStatus {
                    name: source.name.clone(),
                    ledger,
                    dropped: 0,
                    unsettled: self.floor.settle.open_tokens(ring::source(slot as u16)),
                    oldest_unsettled_age_ns: source.oldest.map(|(_, since_ns)| now_ns - since_ns),
                    failed: source.failed,
                    is_paused: source.is_paused,
                }
            })
            .collect()
    }

    /// Routes in the order of the plan, then those of earlier plans by name.
    fn route_statuses(&self, mut sum: Carried) -> Vec<RouteStatus> {
        let mut statuses = Vec::with_capacity(sum.routes.len());
        for name in &self.floor.names.routes {
            let stats = sum.routes.remove(name).unwrap_or_default();
            statuses.push(route_status(name.clone(), &stats));
        }
        let mut gone: Vec<_> = sum.routes.into_iter().collect();
        gone.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        statuses.extend(gone.into_iter().map(|(name, stats)| route_status(name, &stats)));
        statuses
    }

    fn sink_statuses(&self, now_ns: i64) -> Vec<SinkStatus> {
        let sinks = self.floor.sinks.iter().filter(|sink| !sink.is_gone);
        sinks
            .map(|sink| {
                let (kind, buffered, queued_bytes, oldest_ns) = match &sink.kind {
                    SinkKind::Mqtt { sink, .. } => ("mqtt", sink.walk(), sink.queued_bytes(), sink.oldest_ns()),
                    SinkKind::Batch(sink) => ("batch", sink.walk(), sink.queued_bytes(), sink.oldest_ns()),
                    SinkKind::Latest(sink) => ("latest", 0, sink.latest.bytes(), None),
                };
                // What waits in a log for a sink was sent there by a route as well.
                let waiting = sink.lane.waiting();
                let counters = sink.counters();
                let counters = SinkCounters { emitted: counters.emitted + waiting, ..counters };
                SinkStatus {
                    name: sink.name.clone(),
                    kind,
                    policy: sink.policy(),
                    counters,
                    buffered: buffered + waiting,
                    backlog: sink.lane.is_logged().then(|| backlog(&sink.lane, now_ns)),
                    queued_bytes,
                    oldest_age_ns: oldest_ns.map(|oldest| now_ns - oldest),
                    is_full: sink.is_full,
                    is_retired: sink.is_retired,
                }
            })
            .collect()
    }

    fn connection_status(&self, number: usize) -> Option<ConnectionStatus> {
        let (role, name, session) = match self.connections[number].port {
            Port::Source(slot) => {
                let source = self.sources.get(usize::from(slot)).filter(|source| !source.is_gone)?;
                let crate::source::SourceKind::Mqtt { session, .. } = &source.kind else { return None };
                ("source", source.name.clone(), &**session)
            }
            Port::Sink(slot) => {
                let sink = self.floor.sinks.get(usize::from(slot)).filter(|sink| !sink.is_gone)?;
                let SinkKind::Mqtt { sink: mqtt, .. } = &sink.kind else { return None };
                ("sink", sink.name.clone(), &mqtt.session)
            }
        };
        let stats = session.stats();
        Some(ConnectionStatus {
            connection: number as u32,
            role,
            name,
            state: match session.state() {
                pronubes_mqtt::State::Closed => "closed",
                pronubes_mqtt::State::Connecting => "connecting",
                pronubes_mqtt::State::Connected => "connected",
                pronubes_mqtt::State::Closing => "closing",
            },
            received: stats.received,
            published: stats.published,
            sent_again: stats.sent_again,
            connections: stats.connections,
            inflight: session.inflight(),
            unacknowledged: session.unacknowledged().0,
        })
    }

    /// Sinks that a reload removed are not listed any more; what they did counts on.
    fn add_gone_sinks(&self, totals: &mut Totals) {
        for sink in self.floor.sinks.iter().filter(|sink| sink.is_gone) {
            let counters = sink.counters();
            totals.delivered += counters.delivered;
            totals.quarantined += counters.quarantined;
            totals.dropped += counters.dropped;
        }
    }

    fn quarantine_status(&self) -> QuarantineStatus {
        let quarantine = &self.floor.quarantine;
        QuarantineStatus {
            received: quarantine.received,
            written: quarantine.written,
            evicted: quarantine.evicted,
            buffered: quarantine.walk() as u64,
        }
    }

    /// Begins to end: sources are read no more.
    pub fn stop_sources(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        self.sources.iter_mut().for_each(|source| source.is_stopped = true);
    }

    /// Says DISCONNECT on every connection.
    pub fn disconnect(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        self.hold_states();
        self.sources.iter_mut().filter_map(|source| source.session()).for_each(pronubes_mqtt::Session::disconnect);
        for sink in &mut self.floor.sinks {
            if let SinkKind::Mqtt { sink, .. } = &mut sink.kind {
                sink.session.disconnect();
            }
        }
        self.connections.iter_mut().for_each(|connection| connection.is_wanted = false);
    }

    /// Whether nothing is inside any more.
    #[must_use]
    pub fn drained(&self) -> bool {
        // What a sink has that lags or is away lies in a log, or is written to one at the end: nobody waits for it.
        let is_kept = |sink: &crate::floor::Sink| sink.lane.is_lagging || (sink.lane.is_logged() && !sink.is_open());
        let sinks = self.floor.sinks.iter().all(|sink| sink.walk() == 0 || is_kept(sink));
        let is_quiet = self.floor.quarantine.walk() == 0 && self.floor.hooks.iter().all(|hook| hook.queue.is_empty());
        let is_settled =
            (0..self.sources.len()).all(|slot| self.floor.settle.open_tokens(ring::source(slot as u16)) == 0);
        sinks && is_quiet && is_settled && self.floor.logs.waiting() == 0
    }
}

fn backlog(lane: &Lane, now_ns: i64) -> Backlog {
    let state = match (lane.is_lagging, lane.has_more()) {
        (true, _) => "lagging",
        (false, true) => "replaying",
        (false, false) => "live",
    };
    let oldest_age_ns = lane.oldest_ns().map(|oldest| now_ns - oldest);
    Backlog { state, records: lane.waiting(), oldest_age_ns, replayed: lane.replayed }
}

fn route_status(name: Box<str>, stats: &RouteStats) -> RouteStatus {
    RouteStatus {
        name,
        matched: stats.matched,
        forked: stats.forked,
        passed: stats.passed,
        filtered: stats.filtered,
        absorbed: stats.absorbed,
        in_hooks: stats.in_hooks,
        quarantined: stats.quarantined,
        rejected: stats.rejected,
        reasons: stats.reasons.iter().map(|(reason, count)| (reason.code(), *count)).collect(),
    }
}

impl Status {
    fn totals(&self) -> Totals {
        let mut totals = Totals { buffered: self.in_hooks, ..Totals::default() };
        for source in &self.sources {
            totals.received += source.ledger.received;
            totals.unrouted += source.ledger.unrouted;
            totals.quarantined += source.ledger.rejected;
            totals.dropped += source.dropped;
        }
        for route in &self.routes {
            totals.filtered += route.filtered;
            totals.absorbed += route.absorbed;
            totals.quarantined += route.quarantined;
            totals.rejected += route.rejected;
        }
        for sink in &self.sinks {
            totals.delivered += sink.counters.delivered;
            totals.quarantined += sink.counters.quarantined;
            totals.dropped += sink.counters.dropped;
            totals.buffered += sink.buffered;
        }
        totals
    }

    fn is_balanced(&self) -> bool {
        let sources = self.sources.iter().all(|source| {
            let ledger = &source.ledger;
            ledger.received == ledger.matched + ledger.unrouted + ledger.rejected + source.dropped
        });
        let routes = self.routes.iter().all(|route| {
            let ends = route.passed + route.filtered + route.absorbed + route.quarantined + route.rejected;
            route.matched + route.forked == ends + route.in_hooks
        });
        let sinks = self.sinks.iter().all(|sink| {
            let counters = &sink.counters;
            let is_dropped = counters.dropped == counters.drops.total();
            let ends = counters.delivered + counters.dropped + counters.quarantined + sink.buffered;
            is_dropped && counters.emitted == ends
        });
        let quarantine = &self.quarantine;
        let is_quarantine = quarantine.received == quarantine.written + quarantine.evicted + quarantine.buffered;
        let in_hooks = self.routes.iter().map(|route| route.in_hooks).sum::<u64>();
        sources && routes && sinks && is_quarantine && in_hooks == self.in_hooks && self.lost_holds == 0
    }
}
