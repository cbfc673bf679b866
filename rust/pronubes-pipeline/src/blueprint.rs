//! Blueprints: specification and node, read, compiled and checked, before anything that lives is touched.

use std::sync::Arc;

use pronubes_core::spec::RouterSpec;
use pronubes_core::{PathPart, Plan, SpecError};
use pronubes_mqtt::SessionConfig;

use crate::names::Names;
use crate::node::{Delivery, MqttSpec, NodeSpec, SinkKind, SinkSpec, SourceKind, SourceSpec};

/// A source to be.
pub(crate) struct SourcePlan {
    pub(crate) spec: SourceSpec,
    pub(crate) session: Option<SessionConfig>,
    /// Numbers of the sinks that its routes lead to.
    pub(crate) feeds: Vec<usize>,
    pub(crate) feeds_hooks: bool,
}

/// A sink to be.
pub(crate) struct SinkPlan {
    pub(crate) spec: SinkSpec,
    pub(crate) session: Option<SessionConfig>,
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
        let sinks = spec.sinks.iter().map(|name| sink_plan(&node, name)).collect::<Vec<_>>();
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
    let is_fed = |sink: &usize| routes().any(|route| route.to.iter().any(|target| target.sink == spec.sinks[*sink]));
    let feeds = (0..spec.sinks.len()).filter(is_fed).collect();
    let feeds_hooks =
        routes().any(|route| route.steps.iter().any(|step| step.verbs.iter().any(|(verb, _)| verb == "python")));
    Ok(SourcePlan { spec: source, session, feeds, feeds_hooks })
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
    Ok(SinkPlan { spec: sink, session })
}

fn session(kind: &str, name: &str, mqtt: Option<&MqttSpec>) -> Result<SessionConfig, Box<SpecError>> {
    let mqtt = mqtt.ok_or_else(|| at_node(kind, name, "`mqtt` says how to connect; it is not there."))?;
    mqtt.session_config().map_err(|message| at_node(kind, name, message))
}
