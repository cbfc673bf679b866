//! Blueprints: specification and node, read, compiled and checked, before anything that lives is touched.

use std::sync::Arc;

use pronubes_core::spec::{RouteSpec, RouterSpec};
use pronubes_core::{PathPart, Plan, SpecError};
use pronubes_mqtt::SessionConfig;

use crate::names::Names;
use crate::node::{Delivery, MqttSpec, NodeSpec, SinkKind, SinkSpec, SourceKind, SourceSpec};

/// A source to be.
pub(crate) struct SourcePlan {
    pub(crate) spec: SourceSpec,
    pub(crate) session: Option<SessionConfig>,
    /// Numbers of the sinks that hold it up when they are full.
    pub(crate) feeds: Vec<usize>,
    pub(crate) feeds_hooks: bool,
    pub(crate) feeds_log: bool,
}

/// A sink to be.
pub(crate) struct SinkPlan {
    pub(crate) spec: SinkSpec,
    pub(crate) session: Option<SessionConfig>,
    /// Whether messages of class `durable` and `spill` go there.
    pub(crate) classes: [bool; 2],
}

/// A node to be.
pub(crate) struct Blueprint {
    pub(crate) plan: Arc<Plan>,
    pub(crate) sources: Vec<SourcePlan>,
    pub(crate) sinks: Vec<SinkPlan>,
    pub(crate) deliveries: Vec<Option<Delivery>>,
    pub(crate) node: NodeSpec,
}

impl Blueprint {
    /// Reads, compiles, checks.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn read(spec: &[u8], node: &[u8]) -> Result<Self, Vec<SpecError>> {
        let spec: RouterSpec = parse(spec, "specification")?;
        let node: NodeSpec = parse(node, "node")?;
        let plan = Plan::compile(&spec)?;
        let mut errors = Vec::new();
        let sources = (0..spec.sources.len()).map(|at| source_plan(&spec, &node, at)).collect::<Vec<_>>();
        let mut sinks = spec.sinks.iter().map(|name| sink_plan(&node, name)).collect::<Vec<_>>();
        let classes = classes(&spec, &node);
        for (sink, classes) in sinks.iter_mut().zip(&classes) {
            if let Ok(sink) = sink {
                sink.classes = *classes;
            }
        }
        for (class, is_there) in [("durable", node.log.is_some()), ("spill", node.spill.is_some())] {
            let number = usize::from(class == "spill");
            if !is_there && classes.iter().any(|classes| classes[number]) {
                let sentence = format!("Class `{class}` needs a log on the disk, and the node says of none.");
                errors.push(SpecError::new(sentence));
            }
        }
        let deliveries = spec.routes.iter().map(|route| node.routes.get(&route.name).copied()).collect();
        let sources = keep_errors(sources, &mut errors);
        let sinks = keep_errors(sinks, &mut errors);
        if errors.is_empty() {
            Ok(Self { plan: Arc::new(plan), sources, sinks, deliveries, node })
        } else {
            Err(errors)
        }
    }

    /// The names behind the numbers; `sources` are those of the slots.
    pub(crate) fn names(&self, sources: Vec<Box<str>>) -> Arc<Names> {
        let routes =
            || (0..self.plan.route_count()).filter_map(|at| u32::try_from(at).ok()).map(pronubes_core::RouteId);
        Arc::new(Names {
            sources,
            routes: routes().map(|route| self.plan.route_name(route).into()).collect(),
            captures: routes().map(|route| self.plan.captures(route).into()).collect(),
            ..Names::default()
        })
    }
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8], what: &str) -> Result<T, Vec<SpecError>> {
    serde_json::from_slice(json).map_err(|error| {
        let message = format!("The {what} cannot be read: {error}.");
        vec![SpecError::new(message)]
    })
}

fn keep_errors<T>(results: Vec<Result<T, Box<SpecError>>>, errors: &mut Vec<SpecError>) -> Vec<T> {
    let keep = |result: Result<T, Box<SpecError>>| result.map_err(|error| errors.push(*error)).ok();
    results.into_iter().filter_map(keep).collect()
}

fn at_node(kind: &str, name: &str, message: impl Into<String>) -> Box<SpecError> {
    Box::new(SpecError::new(message).below(&[PathPart::from("node"), PathPart::from(kind), PathPart::from(name)]))
}

fn source_plan(spec: &RouterSpec, node: &NodeSpec, at: usize) -> Result<SourcePlan, Box<SpecError>> {
    let name = &spec.sources[at];
    let found = node.sources.iter().find(|source| source.name == *name);
    let source = found.ok_or_else(|| at_node("sources", name, "The node says nothing about this source."))?.clone();
    let session = match source.kind {
        SourceKind::Mqtt => Some(session("sources", name, source.mqtt.as_ref())?),
        SourceKind::Batch => None,
    };
    let takes = |from: &Option<Vec<String>>| from.as_ref().is_none_or(|names| names.contains(name));
    let routes = || spec.routes.iter().filter(|route| takes(&route.from));
    let class = |name: &str| node.routes.get(name).copied().unwrap_or_else(|| source.default_delivery());
    let leads_to = |route: &RouteSpec, sink: usize| route.to.iter().any(|target| target.sink == spec.sinks[sink]);
    let is_fed = |sink: &usize| routes().any(|route| class(&route.name).waits_for_sinks() && leads_to(route, *sink));
    let feeds_log = routes().any(|route| class(&route.name) == Delivery::Durable);
    let feeds = (0..spec.sinks.len()).filter(is_fed).collect();
    let feeds_hooks =
        routes().any(|route| route.steps.iter().any(|step| step.verbs.iter().any(|(verb, _)| verb == "python")));
    Ok(SourcePlan { spec: source, session, feeds, feeds_hooks, feeds_log })
}

/// Which sinks get messages of class `durable` and of class `spill`; views get none, since they have no place in a log.
fn classes(spec: &RouterSpec, node: &NodeSpec) -> Vec<[bool; 2]> {
    let mut classes = vec![[false; 2]; spec.sinks.len()];
    for route in &spec.routes {
        let takes = |name: &String| route.from.as_ref().is_none_or(|names| names.contains(name));
        let own = node.routes.get(&route.name).copied();
        let of_sources = node.sources.iter().filter(|source| takes(&source.name)).map(SourceSpec::default_delivery);
        for class in own.into_iter().chain(of_sources.filter(|_| own.is_none())) {
            let number = match class {
                Delivery::Durable => 0,
                Delivery::Spill => 1,
                Delivery::Through | Delivery::Volatile => continue,
            };
            for target in &route.to {
                let is_view = |sink: &&SinkSpec| sink.name == target.sink && sink.kind == SinkKind::Latest;
                let slot = spec.sinks.iter().position(|sink| *sink == target.sink);
                if let Some(slot) = slot.filter(|_| !node.sinks.iter().any(|sink| is_view(&sink))) {
                    classes[slot][number] = true;
                }
            }
        }
    }
    classes
}

fn sink_plan(node: &NodeSpec, name: &str) -> Result<SinkPlan, Box<SpecError>> {
    let found = node.sinks.iter().find(|sink| sink.name == name);
    let sink = found.ok_or_else(|| at_node("sinks", name, "The node says nothing about this sink."))?.clone();
    if sink.qos > 1 {
        return Err(at_node("sinks", name, format!("QoS is 0 or 1, not `{}`.", sink.qos)));
    }
    let session = match sink.kind {
        SinkKind::Mqtt => Some(session("sinks", name, sink.mqtt.as_ref())?),
        SinkKind::Batch | SinkKind::Latest => None,
    };
    Ok(SinkPlan { spec: sink, session, classes: [false; 2] })
}

fn session(kind: &str, name: &str, mqtt: Option<&MqttSpec>) -> Result<SessionConfig, Box<SpecError>> {
    let mqtt = mqtt.ok_or_else(|| at_node(kind, name, "`mqtt` says how to connect; it is not there."))?;
    mqtt.session_config().map_err(|message| at_node(kind, name, message))
}
