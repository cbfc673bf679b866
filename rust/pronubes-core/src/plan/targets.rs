//! Where a route's messages go, and under which names.

use super::compile::{Errors, unknown};
use super::route::RouteCompiler;
use super::{Target, TargetName};
use crate::SinkId;
use crate::error::{PathPart, SpecError};
use crate::payload::FieldPath;
use crate::spec::{IllegalNames, RouteSpec, TargetSpec};
use crate::template::{Template, TemplateOptions};
use crate::topic::RouteFilter;

impl RouteCompiler<'_, '_> {
    /// The templates of a route, each once, and its targets.
    pub(super) fn compile_targets(
        &mut self,
        route: &RouteSpec,
        filter: Option<&RouteFilter>,
        allow_key: bool,
    ) -> (Vec<Template>, Vec<Target>) {
        let namespace = self.spec.namespace.as_ref();
        let is_escaped = namespace.is_some_and(|namespace| namespace.illegal == IllegalNames::Escape);
        let mut templates = Templates { filter, allow_key, is_escaped, found: Vec::new() };
        let route_name = route.topic.as_deref().and_then(|topic| templates.add(topic, &["topic".into()], self.errors));
        let mut targets = Vec::with_capacity(route.to.len());
        for (index, target) in route.to.iter().enumerate() {
            let path: [PathPart; 2] = ["to".into(), index.into()];
            let topic_path = [&path[..], &["topic".into()]].concat();
            let own = target.topic.as_deref().and_then(|topic| templates.add(topic, &topic_path, self.errors));
            let sink = self.resolve_sink(target, &path);
            targets.extend(sink.map(|sink| (sink, own.or(route_name), target)));
        }
        let statics: Vec<usize> =
            (0..templates.found.len()).filter(|index| templates.found[*index].is_static()).collect();
        let name = |template: Option<usize>| match template {
            None => TargetName::Kept,
            Some(index) => statics
                .iter()
                .position(|candidate| *candidate == index)
                .map_or(TargetName::Rendered(index), TargetName::Static),
        };
        let targets = targets.into_iter().map(|(sink, template, target)| Target {
            sink,
            name: name(template),
            retain: target.retain == Some(true),
            qos: target.qos,
        });
        let targets = targets.collect();
        (templates.found, targets)
    }

    fn resolve_sink(&mut self, target: &TargetSpec, path: &[PathPart]) -> Option<SinkId> {
        if let Some(qos) = target.qos.filter(|qos| *qos > 2) {
            let error = SpecError::new("There is no such quality of service.").expected(qos.to_string(), "0, 1 or 2");
            self.errors.push(&[path, &["qos".into()]].concat(), error);
        }
        let position = self.spec.sinks.iter().position(|sink| *sink == target.sink);
        if position.is_none() {
            let error = unknown("sink", &target.sink, &self.spec.sinks);
            self.errors.push(&[path, &["sink".into()]].concat(), error);
        }
        position.and_then(|position| u16::try_from(position).ok()).map(SinkId)
    }
}

struct Templates<'a> {
    filter: Option<&'a RouteFilter>,
    allow_key: bool,
    is_escaped: bool,
    found: Vec<Template>,
}

impl Templates<'_> {
    /// The index of a template.
    fn add(&mut self, text: &str, path: &[PathPart], errors: &mut Errors) -> Option<usize> {
        if let Some(index) = self.found.iter().position(|known| known.as_str() == text) {
            return Some(index);
        }
        let captures = self.filter.map_or(&[][..], RouteFilter::captures);
        let has_tail_capture = self.filter.is_some_and(RouteFilter::has_tail_capture);
        let options = TemplateOptions { allow_key: self.allow_key, has_tail_capture, is_escaped: self.is_escaped };
        let template = match Template::parse(text, captures, options) {
            Ok(template) => template,
            Err(error) => {
                let length = error.found.len();
                let found = SpecError::new("The topic template cannot be read.").expected(error.found, error.expected);
                errors.push(path, found.at(error.offset, length).hint(error.hint));
                return None;
            }
        };
        for field in template.payload_paths() {
            if let Err(error) = FieldPath::parse(field) {
                let offset = text.find(&**field).map_or(0, |start| start + error.offset);
                let found = SpecError::new(error.to_string()).expected(&**field, "a field, as in `motor.temp`");
                errors.push(path, found.at(offset, field.len() - error.offset));
                return None;
            }
        }
        self.found.push(template);
        Some(self.found.len() - 1)
    }
}
