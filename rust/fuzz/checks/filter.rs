//! Any bytes as filter, topic and template, one a line: the three ways of matching agree, and names stay names.

use pronubes_core::matcher::{Hits, Matcher, RouteId};
use pronubes_core::template::{Template, TemplateOptions};
use pronubes_core::topic::{RouteFilter, topic_matches, validate_filter, validate_topic};

/// Panics when something that must hold does not.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (filter_text, topic, template_text) = (line(), line(), line());
    for error in [validate_filter(filter_text).err(), validate_topic(topic).err()].into_iter().flatten() {
        assert!(!error.to_string().contains(char::is_control));
    }
    let filter = match RouteFilter::parse(filter_text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.offset <= filter_text.len() && !error.to_string().is_empty());
            return;
        }
    };
    let mqtt_filter = filter.mqtt_filter();
    assert_eq!(validate_filter(&mqtt_filter), Ok(()));
    if validate_topic(topic).is_err() {
        return;
    }
    let mut spans = Vec::new();
    let is_match = filter.matches(topic, &mut spans);
    let by_standard = topic_matches(&mqtt_filter, topic).expect("both are valid");
    assert!(by_standard == is_match || (by_standard && filter.has_tail_capture()));

    let matcher = Matcher::new([(RouteId(1), &filter)]).with_max_levels(usize::MAX);
    let mut hits = Hits::new();
    matcher.matches(topic, &mut hits).expect("no limit");
    assert_eq!(hits.iter().next(), is_match.then_some((RouteId(1), &spans[..])));

    let options = TemplateOptions::for_route(&filter, false);
    if let (true, Ok(template)) = (is_match, Template::parse(template_text, filter.captures(), options)) {
        let mut out = Vec::new();
        match template.render_static(topic, &spans, &mut out) {
            Ok(()) => assert_eq!(validate_topic(std::str::from_utf8(&out).expect("UTF-8")), Ok(())),
            Err(_) => assert!(out.is_empty()),
        }
    }
}
