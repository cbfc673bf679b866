//! What the tests of the router share: an outlet that records.

#![expect(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;

use pronubes_core::{
    Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, Reason, ResumePoint, RouteId, Router, SourceId,
};

/// What became of a message, with names instead of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Emitted { sink: String, topic: String, payload: String },
    Hook { step: u16, payload: String, captures: Vec<String> },
    Quarantined { route: String, step: Option<u16>, reason: Reason, detail: String },
    Rejected { route: String, reason: Reason, detail: String },
    Filtered(String),
}

impl Outcome {
    pub fn emitted(sink: &str, topic: &str, payload: &str) -> Self {
        Self::Emitted { sink: sink.into(), topic: topic.into(), payload: payload.into() }
    }

    pub fn quarantined(route: &str, step: Option<u16>, reason: Reason, detail: &str) -> Self {
        Self::Quarantined { route: route.into(), step, reason, detail: detail.into() }
    }

    pub fn rejected(route: &str, reason: Reason, detail: &str) -> Self {
        Self::Rejected { route: route.into(), reason, detail: detail.into() }
    }

    pub fn topic(self) -> Option<String> {
        if let Self::Emitted { topic, .. } = self { Some(topic) } else { None }
    }

    pub fn payload(self) -> Option<String> {
        if let Self::Emitted { payload, .. } = self { Some(payload) } else { None }
    }
}

/// An outlet that keeps everything.
pub struct Recorder {
    plan: Arc<Plan>,
    pub outcomes: Vec<Outcome>,
    pub points: Vec<ResumePoint>,
}

impl Recorder {
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, outcomes: Vec::new(), points: Vec::new() }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Outlet for Recorder {
    fn emit(&mut self, emission: &Emission<'_>) {
        let sink = self.plan.sinks()[usize::from(emission.sink.0)].to_string();
        let (topic, payload) = (text(emission.topic), text(emission.payload));
        self.outcomes.push(Outcome::Emitted { sink, topic, payload });
    }

    fn hook(&mut self, call: &HookCall<'_>) {
        let captures = call.captures.iter().map(|span| span.of_str(call.topic).to_owned()).collect();
        self.points.push(call.point);
        self.outcomes.push(Outcome::Hook { step: call.step, payload: text(call.payload), captures });
    }

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        let route = self.plan.route_name(fault.route).to_owned();
        let (step, reason, detail) = (fault.step, fault.reason, fault.detail.to_owned());
        self.outcomes.push(Outcome::Quarantined { route, step, reason, detail });
    }

    fn reject(&mut self, fault: &Quarantined<'_>) {
        let route = self.plan.route_name(fault.route).to_owned();
        self.outcomes.push(Outcome::Rejected { route, reason: fault.reason, detail: fault.detail.to_owned() });
    }

    fn filtered(&mut self, route: RouteId) {
        self.outcomes.push(Outcome::Filtered(self.plan.route_name(route).to_owned()));
    }
}

pub fn compile(spec: &str) -> Arc<Plan> {
    let spec = serde_json::from_str(spec).unwrap_or_else(|error| panic!("{error} in {spec}"));
    Plan::compile(&spec).unwrap_or_else(|errors| panic!("{errors:#?}")).into()
}

pub fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Message<'a> {
    let meta =
        Meta { received_ns: 1_732_270_000_123_456_789, source_ns: Some(1_732_269_999_000_000_000), ..Meta::default() };
    Message { source: SourceId(0), topic, payload, meta }
}

/// A message of a time, or the time alone.
pub struct Moment<'a> {
    pub at_ms: i64,
    pub message: Option<(&'a str, &'a str)>,
}

/// Feeds messages and the time to a router; what left at each moment. Times are received, and no source says another.
pub fn fed(router: &mut Router, moments: &[Moment<'_>]) -> Vec<Vec<Outcome>> {
    let feed = |moment: &Moment<'_>| {
        let mut recorder = Recorder::new(router.plan().clone());
        let received_ns = 1_732_270_000_000_000_000 + moment.at_ms * 1_000_000;
        while router.advance(received_ns, 2, &mut recorder) {}
        if let Some((topic, payload)) = moment.message {
            let meta = Meta { received_ns, ..Meta::default() };
            let message = Message { source: SourceId(0), topic, payload: payload.as_bytes(), meta };
            router.route(&message, &mut recorder);
        }
        recorder.outcomes
    };
    moments.iter().map(feed).collect()
}

pub fn routed(router: &mut Router, topic: &str, payload: &str) -> Vec<Outcome> {
    routed_bytes(router, topic, payload.as_bytes())
}

pub fn routed_bytes(router: &mut Router, topic: &str, payload: &[u8]) -> Vec<Outcome> {
    let mut recorder = Recorder::new(router.plan().clone());
    router.route(&message(topic, payload), &mut recorder);
    recorder.outcomes
}

/// Bytes from hexadecimal digits.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("a digit");
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
