//! The vectors of `tests/vectors/topics`, which the Python tests read too.

use std::collections::BTreeMap;
use std::path::Path;

use pronubes_core::Reason;
use pronubes_core::matcher::{Hits, Matcher, RouteId};
use pronubes_core::template::{Template, TemplateOptions};
use pronubes_core::topic::{RouteFilter, TopicError, topic_matches, validate_filter, validate_topic};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Vectors<C> {
    about: String,
    cases: Vec<C>,
}

fn read<C: DeserializeOwned>(name: &str) -> Vec<C> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/topics").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Vectors<C> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!vectors.about.is_empty());
    vectors.cases
}

/// A text as it stands, or a short one many times.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Repeated { repeat: String, times: usize },
}

impl Text {
    fn build(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Repeated { repeat, times } => repeat.repeat(*times),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expect {
    Match(bool),
    Error(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchCase {
    filter: Text,
    topic: Text,
    expect: Expect,
    clause: String,
}

#[test]
fn filters_match_topics_as_the_standard_says() {
    let cases: Vec<MatchCase> = read("match.json");
    for case in &cases {
        let (filter, topic) = (case.filter.build(), case.topic.build());
        let about = format!("`{filter:.60}` and `{topic:.60}` ({})", case.clause);
        let found = topic_matches(&filter, &topic);
        match &case.expect {
            Expect::Match(expected) => {
                assert_eq!(found, Ok(*expected), "{about}");
                assert_eq!((validate_filter(&filter), validate_topic(&topic)), (Ok(()), Ok(())), "{about}");
                check_index(&filter, &topic, *expected, &about);
            }
            Expect::Error(code) => {
                let error = found.expect_err(&about);
                assert_eq!((error.kind.code(), error.clause), (code.as_str(), case.clause.as_str()), "{about}");
                check_sentence(&error, &filter, &topic);
            }
        }
    }
    assert!(cases.len() >= 150, "{} cases", cases.len());
}

/// The same through a route filter and the trie; a share group is no part of a route filter.
fn check_index(filter: &str, topic: &str, expected: bool, about: &str) {
    let plain = match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
        Some((_, inner)) if !inner.starts_with("$share/") => inner,
        Some(_) => return,
        None => filter,
    };
    let route = RouteFilter::parse(plain).expect(about);
    let matcher = Matcher::new([(RouteId(3), &route)]).with_max_levels(70_000);
    let mut hits = Hits::new();
    matcher.matches(topic, &mut hits).expect(about);
    let routes: Vec<_> = hits.iter().map(|(route, spans)| (route.0, spans.len())).collect();
    assert_eq!(routes, if expected { vec![(3, 0)] } else { vec![] }, "{about}");
    assert_eq!(route.matches(topic, &mut Vec::new()), expected, "{about}");
}

/// An error says what was found and where, in a line that a terminal can show.
fn check_sentence(error: &TopicError, filter: &str, topic: &str) {
    let sentence = error.to_string();
    assert!(sentence.starts_with("Found ") && sentence.ends_with("]."), "{sentence}");
    assert!(sentence.contains(error.clause) && sentence.chars().count() < 400, "{sentence}");
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
    assert!(error.offset <= filter.len().max(topic.len()) && error.level >= 1);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteFilterCase {
    filter: String,
    topic: Option<String>,
    #[serde(default)]
    captures: Option<BTreeMap<String, String>>,
    error: Option<String>,
    offset: Option<usize>,
    why: Option<String>,
}

#[test]
fn route_filters_capture_levels() {
    for case in read::<RouteFilterCase>("route_filters.json") {
        let about = format!("`{}` {}", case.filter, case.why.as_deref().unwrap_or_default());
        let parsed = RouteFilter::parse(&case.filter);
        let Some(topic) = case.topic else {
            let error = parsed.expect_err(&about);
            assert_eq!((Some(error.kind.code()), Some(error.offset)), (case.error.as_deref(), case.offset), "{about}");
            check_sentence(&error, &case.filter, "");
            continue;
        };
        let filter = parsed.expect(&about);
        let matcher = Matcher::new([(RouteId(0), &filter)]);
        let mut hits = Hits::new();
        matcher.matches(&topic, &mut hits).expect(&about);
        let named = hits.iter().next().map(|(_, spans)| {
            let pairs = filter.captures().iter().zip(spans);
            pairs.map(|(name, span)| (name.to_string(), span.of_str(&topic).to_owned())).collect()
        });
        assert_eq!(named, case.captures, "{about}");
        assert_eq!(filter.matches(&topic, &mut Vec::new()), case.captures.is_some(), "{about}");
        assert_eq!((validate_topic(&topic), filter.as_str()), (Ok(()), &*case.filter), "{about}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateCase {
    template: String,
    filter: String,
    topic: Option<String>,
    payload: Option<BTreeMap<String, Text>>,
    key: Option<String>,
    expect: Option<Text>,
    error: Option<TemplateFault>,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
struct TemplateFault {
    offset: usize,
    found: String,
}

#[test]
fn templates_render_names() {
    for case in read::<TemplateCase>("templates.json") {
        let about = format!("`{}` {}", case.template, case.why);
        let filter = RouteFilter::parse(&case.filter).expect(&about);
        let options = TemplateOptions::for_route(&filter, case.key.is_some());
        let parsed = Template::parse(&case.template, filter.captures(), options);
        if let Some(fault) = case.error {
            let error = parsed.expect_err(&about);
            assert_eq!((error.offset, error.found.as_str()), (fault.offset, fault.found.as_str()), "{about}");
            assert!(error.to_string().contains(", expected "), "{error}");
            continue;
        }
        let template = parsed.expect(&about);
        assert_eq!(template.is_static(), case.payload.is_none() && case.key.is_none(), "{about}");
        let topic = case.topic.expect("a case that renders has a topic");
        let expected = case.expect.expect("a case that renders expects something").build();
        let rendered = render(&template, &filter, &topic, case.payload, case.key.as_deref());
        assert_eq!(rendered.unwrap_or_else(|reason| reason.code().to_owned()), expected, "{about}");
    }
}

fn render(
    template: &Template,
    filter: &RouteFilter,
    topic: &str,
    payload: Option<BTreeMap<String, Text>>,
    key: Option<&str>,
) -> Result<String, Reason> {
    let mut spans = Vec::new();
    assert!(filter.matches(topic, &mut spans));
    let fields = payload.unwrap_or_default();
    let value = |number: usize, out: &mut Vec<u8>| {
        let text = fields.get(&*template.payload_paths()[number]).ok_or(Reason::MissingField)?;
        out.extend_from_slice(text.build().as_bytes());
        Ok(())
    };
    let mut out = b"what stood there".to_vec();
    let result = template.render(topic, &spans, value, key, &mut out);
    let rendered = out.split_off(16);
    assert_eq!(out, b"what stood there");
    assert!(result.is_ok() || rendered.is_empty(), "an error leaves nothing behind");
    result.map(|()| String::from_utf8(rendered).expect("a name is UTF-8"))
}
