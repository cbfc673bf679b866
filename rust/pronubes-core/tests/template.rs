//! What every rendered name has in common, whatever the values.

use pronubes_core::Reason;
use pronubes_core::template::{Template, TemplateOptions};
use pronubes_core::topic::{RouteFilter, validate_topic};
use proptest::prelude::*;
use proptest::sample::select;

/// Values as devices send them, and as attackers do.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zü$]{0,3}",
        "[a$/+#]{0,4}",
        select(&["", "/", "#", "+", "\0", "$SYS", "a/../b", "日本"][..]).prop_map(str::to_owned),
    ]
}

fn template_text() -> impl Strategy<Value = String> {
    let piece = select(&["a", "b/", "/", "-", "{c0}", "{c1}", "{payload.x}", "{payload.y.z}", "{key}", "$"][..]);
    prop::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

#[derive(Debug)]
struct Values {
    topic: String,
    fields: [String; 2],
    key: String,
}

fn values() -> impl Strategy<Value = Values> {
    let level = || select(&["", "a", "$s", "日"][..]);
    let topic = (level(), level()).prop_map(|(first, second)| format!("raw/{first}/{second}"));
    (topic, [value(), value()], value()).prop_map(|(topic, fields, key)| Values { topic, fields, key })
}

fn render(template: &Template, filter: &RouteFilter, values: &Values) -> Result<String, Reason> {
    let (mut spans, mut out) = (Vec::new(), Vec::new());
    assert!(filter.matches(&values.topic, &mut spans));
    let field = |number: usize, out: &mut Vec<u8>| {
        let text = if &*template.payload_paths()[number] == "x" { &values.fields[0] } else { &values.fields[1] };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    };
    let result = template.render(&values.topic, &spans, field, Some(&values.key), &mut out);
    assert!(result.is_ok() || out.is_empty());
    // In two parts it is the same name, behind whatever stands there.
    let (mut head, mut behind) = (Vec::new(), b"x".to_vec());
    let in_parts = template
        .render_head(&values.topic, &spans, &mut head)
        .and_then(|()| template.render_behind(&head, (&values.topic, &spans), field, Some(&values.key), &mut behind));
    assert_eq!((in_parts, &behind[1..]), (result, &out[..]));
    result.map(|()| String::from_utf8(out).expect("a name is UTF-8"))
}

/// The template with its placeholders replaced by a harmless value: what the name looks like.
fn levels_as_written(text: &str) -> usize {
    text.replace("payload.", "").split('/').count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_rendered_name_is_valid_and_has_the_levels_of_its_template(text in template_text(), values in values()) {
        let filter = RouteFilter::parse("raw/{c0}/{c1}").expect("a valid filter");
        let options = TemplateOptions::for_route(&filter, true);
        let Ok(template) = Template::parse(&text, filter.captures(), options) else {
            prop_assert!(text.contains("${"), "`{}` should parse", text);
            return Ok(());
        };
        if let Ok(name) = render(&template, &filter, &values) {
            prop_assert_eq!(validate_topic(&name), Ok(()));
            prop_assert_eq!(name.split('/').count(), levels_as_written(&text));
            prop_assert_eq!(name.starts_with('$'), text.starts_with('$'));
        } else {
            let all = [&*values.fields[0], &values.fields[1], &values.key].into_iter().chain(values.topic.split('/'));
            let is_odd = |value: &str| value.is_empty() || value.contains(['/', '+', '#', '\0', '$']);
            prop_assert!(all.into_iter().any(is_odd), "harmless values render");
        }
    }

    #[test]
    fn a_tail_brings_exactly_its_levels(head in "[a-c/]{0,4}", tail in "[a$/]{1,6}") {
        let filter = RouteFilter::parse("raw/{rest#}").expect("a valid filter");
        let options = TemplateOptions::for_route(&filter, false);
        let template = Template::parse(&format!("{head}{{rest}}"), filter.captures(), options).expect("a valid template");
        let topic = format!("raw/{tail}");
        let (mut spans, mut out) = (Vec::new(), Vec::new());
        prop_assert!(filter.matches(&topic, &mut spans));
        let result = template.render_static(&topic, &spans, &mut out);
        if head.is_empty() && tail.starts_with('$') {
            prop_assert_eq!(result, Err(Reason::TemplateIllegalValue));
        } else {
            prop_assert_eq!((result, String::from_utf8_lossy(&out).into_owned()), (Ok(()), format!("{head}{tail}")));
        }
    }
}

#[test]
fn a_template_lists_each_payload_path_once() {
    let template = Template::parse("{payload.a}/{payload.b.c}/{payload.a}", &[], TemplateOptions::default()).unwrap();
    assert_eq!(template.payload_paths().iter().map(|path| &**path).collect::<Vec<_>>(), ["a", "b.c"]);
    assert_eq!((template.is_static(), template.uses_key()), (false, false));
}

#[test]
fn an_error_names_what_would_be_right() {
    let names: [Box<str>; 2] = ["area".into(), "line".into()];
    let error = Template::parse("x/{aera}", &names, TemplateOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Found `{aera}` in the topic template, expected `{area}`, `{line}` or `{payload.x}`."
    );
    let error = Template::parse("x/{key}", &names, TemplateOptions::default()).unwrap_err();
    assert_eq!(error.hint, Some("`{key}` is there only in a route with an `explode` step."));
    let error = Template::parse("${site}/x", &names, TemplateOptions::default()).unwrap_err();
    assert!(error.hint.is_some_and(|hint| hint.contains("`vars`")));
}
