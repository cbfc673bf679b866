//! The scanner's path sets and the document tree against a naive tree, on random payloads with duplicates, escapes and
//! white space.

use pronubes_core::Reason;
use pronubes_core::payload::{
    Cell, Document, FieldPath, Limits, NodeId, ObjectWriter, PathSetBuilder, Scan, TextArena, Value, number, scan,
};
use proptest::prelude::*;

/// A JSON value in the simplest form that keeps the text of scalars, the order and the duplicates.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Scalar(String),
    Object(Vec<(String, Model)>),
    Array(Vec<Model>),
}

const KEYS: [&str; 7] = ["a", "b", "0", "1", "long key beyond a word", "é\"", ""];

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(&KEYS[..]).prop_map(str::to_owned)
}

fn model() -> impl Strategy<Value = Model> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        Just("1.50".to_owned()),
        Just("-0".to_owned()),
        Just("12345678901234567890123".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        "[a-z é😀\"\\\\\n]{0,12}".prop_map(|text| serde_json::to_string(&text).expect("text is JSON")),
        Just("\"\\u0041\\ud83d\\ude00\"".to_owned()),
    ]
    .prop_map(Model::Scalar);
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec((key(), inner.clone()), 0..6).prop_map(Model::Object),
            prop::collection::vec(inner, 0..4).prop_map(Model::Array),
        ]
    })
}

fn path() -> impl Strategy<Value = FieldPath> {
    prop::collection::vec(key(), 0..4).prop_map(|segments| FieldPath::from_segments(segments).expect("it is short"))
}

/// JSON text; `style` chooses white space and escaped keys, 0 is compact.
fn print(model: &Model, style: u64) -> String {
    let space = ["", " ", "\n\t", "\r\n  "][(style % 4) as usize];
    let inner = style.rotate_right(2);
    let join = |parts: Vec<String>| parts.join(&format!("{space},{space}"));
    match model {
        Model::Scalar(text) => text.clone(),
        Model::Array(members) => {
            format!("[{space}{}{space}]", join(members.iter().map(|member| print(member, inner)).collect()))
        }
        Model::Object(members) => {
            let member = |(key, value): &(String, Model)| {
                let mut written = serde_json::to_string(key).expect("text is JSON");
                if style & 16 != 0 {
                    written = written.replace('a', "\\u0061").replace('é', "\\u00E9");
                }
                format!("{written}{space}:{space}{}", print(value, inner))
            };
            format!("{{{space}{}{space}}}", join(members.iter().map(member).collect()))
        }
    }
}

fn position(members: &[(String, Model)], key: &str) -> Result<Option<usize>, Reason> {
    let found: Vec<usize> = (0..members.len()).filter(|at| members[*at].0 == key).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Reason::DuplicateKey),
    }
}

fn find<'a>(model: &'a Model, path: &[String]) -> Result<Option<&'a Model>, Reason> {
    let Some((segment, rest)) = path.split_first() else { return Ok(Some(model)) };
    match model {
        Model::Scalar(_) => Ok(None),
        Model::Object(members) => match position(members, segment)? {
            Some(at) => find(&members[at].1, rest),
            None => Ok(None),
        },
        Model::Array(members) => {
            let index = segment.parse::<usize>().ok().filter(|index| index.to_string() == *segment);
            index.and_then(|index| members.get(index)).map_or(Ok(None), |member| find(member, rest))
        }
    }
}

/// The place of a path in the model, appended where an object lacks it.
fn place<'a>(model: &'a mut Model, path: &[String]) -> Result<&'a mut Model, Reason> {
    let Some((segment, rest)) = path.split_first() else { return Ok(model) };
    match model {
        Model::Scalar(_) => Err(Reason::WrongType),
        Model::Object(members) => {
            let at = position(members, segment)?.unwrap_or_else(|| {
                members.push((segment.clone(), Model::Object(Vec::new())));
                members.len() - 1
            });
            place(&mut members[at].1, rest)
        }
        Model::Array(members) => {
            let index = segment.parse::<usize>().ok().filter(|index| index.to_string() == *segment);
            let member = index.and_then(|index| members.get_mut(index)).ok_or(Reason::MissingField)?;
            place(member, rest)
        }
    }
}

fn segments(path: &FieldPath) -> Vec<String> {
    path.segments().map(str::to_owned).collect()
}

fn remove(model: &mut Model, path: &FieldPath) -> Result<Option<Model>, Reason> {
    let segments = segments(path);
    let Some(removed) = find(model, &segments)?.cloned() else { return Ok(None) };
    let Some((last, parents)) = segments.split_last() else {
        *model = Model::Scalar("null".to_owned());
        return Ok(Some(removed));
    };
    match place(model, parents)? {
        Model::Object(members) => members.retain(|(key, _)| key != last),
        Model::Array(members) => drop(members.remove(last.parse().expect("it was found by its index"))),
        Model::Scalar(_) => {}
    }
    Ok(Some(removed))
}

fn rename(model: &mut Model, path: &FieldPath, key: &str) -> Result<bool, Reason> {
    let segments = segments(path);
    if find(model, &segments)?.is_none() {
        return Ok(false);
    }
    let Some((last, parents)) = segments.split_last() else { return Err(Reason::WrongType) };
    let Model::Object(members) = place(model, parents)? else { return Err(Reason::WrongType) };
    if last != key && members.iter().any(|(other, _)| other == key) {
        return Err(Reason::FieldExists);
    }
    members.iter_mut().filter(|(other, _)| other == last).for_each(|(other, _)| key.clone_into(other));
    Ok(true)
}

/// A value of a document as text, keys without the escapes that [`print`] put into them.
fn shown(document: &Document, node: NodeId) -> String {
    let mut out = Vec::new();
    document.write_value(node, &mut out);
    String::from_utf8(out).expect("a document is text").replace("\\u0061", "a").replace("\\u00E9", "é")
}

fn compact(payload: &str) -> String {
    let mut document = Document::default();
    document.read(payload.as_bytes(), &Limits::default()).expect("the payload is JSON");
    shown(&document, document.root())
}

#[derive(Clone, Debug)]
enum Change {
    Int(FieldPath, i64),
    Text(FieldPath, String),
    Empty(FieldPath),
    Remove(FieldPath),
    Move(FieldPath, FieldPath),
    Rename(FieldPath, String),
    Push(FieldPath, bool),
    Wrap(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (path(), any::<i64>()).prop_map(|(path, value)| Change::Int(path, value)),
        (path(), "[a\"é\n]{0,4}").prop_map(|(path, text)| Change::Text(path, text)),
        path().prop_map(Change::Empty),
        path().prop_map(Change::Remove),
        (path(), path()).prop_map(|(from, to)| Change::Move(from, to)),
        (path(), key()).prop_map(|(path, key)| Change::Rename(path, key)),
        (path(), any::<bool>()).prop_map(|(path, value)| Change::Push(path, value)),
        key().prop_map(Change::Wrap),
    ]
}

/// Applies one change to both; the outcomes as text, to be compared.
fn apply(document: &mut Document, model: &mut Model, change: &Change) -> (String, String) {
    let scalar = |text: &str| Model::Scalar(text.to_owned());
    let set = |model: &mut Model, path: &FieldPath, value: Model| {
        let result = place(&mut model.clone(), &segments(path)).map(drop);
        if result.is_ok() {
            *place(model, &segments(path)).expect("it worked on the copy") = value;
        }
        result
    };
    let (left, right) = match change {
        Change::Int(path, value) => {
            (document.set(path, Value::Int(*value)).map(drop), set(model, path, scalar(&value.to_string())))
        }
        Change::Text(path, text) => {
            let written = serde_json::to_string(text).expect("text is JSON");
            (document.set(path, Value::Text(text)).map(drop), set(model, path, scalar(&written)))
        }
        Change::Empty(path) => {
            (document.set(path, Value::Object).map(drop), set(model, path, Model::Object(Vec::new())))
        }
        Change::Remove(path) => {
            return (format!("{:?}", document.remove(path)), format!("{:?}", remove(model, path).map(|x| x.is_some())));
        }
        Change::Move(from, to) => {
            let taken = document.take(from);
            let removed = remove(model, from);
            let left = match taken {
                Ok(Some(taken)) => document.put(to, taken).map(drop),
                other => other.map(drop),
            };
            let right = match removed {
                Ok(Some(removed)) => set(model, to, removed),
                other => other.map(drop),
            };
            (left, right)
        }
        Change::Rename(path, key) => {
            return (format!("{:?}", document.rename(path, key)), format!("{:?}", rename(model, path, key)));
        }
        Change::Push(path, value) => {
            let right = match find(model, &segments(path)) {
                Ok(Some(Model::Array(_))) => match place(model, &segments(path)) {
                    Ok(Model::Array(members)) => {
                        members.push(scalar(&value.to_string()));
                        Ok(())
                    }
                    _ => panic!("the array was found before"),
                },
                Ok(Some(_)) => Err(Reason::WrongType),
                Ok(None) => Err(Reason::MissingField),
                Err(reason) => Err(reason),
            };
            (document.push(path, Value::Bool(*value)).map(drop), right)
        }
        Change::Wrap(key) => {
            document.wrap(key);
            let inner = std::mem::replace(model, scalar("null"));
            *model = Model::Object(vec![(key.clone(), inner)]);
            (Ok(()), Ok(()))
        }
    };
    (format!("{left:?}"), format!("{right:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_path_set_finds_what_a_naive_lookup_finds(
        model in model(), style: u64, wanted in prop::collection::vec(path(), 0..20),
    ) {
        let payload = print(&model, style);
        let mut builder = PathSetBuilder::default();
        let slots: Vec<_> = wanted.iter().map(|path| builder.add(path)).collect();
        let mut found = Scan::default();
        scan(payload.as_bytes(), &builder.build().unwrap(), &Limits::default(), &mut found).unwrap();
        for (path, slot) in wanted.iter().zip(slots) {
            let result = match found.cell(slot) {
                Cell::Raw(raw) => Ok(Some(compact(raw.span().of_str(&payload)))),
                Cell::Missing => Ok(None),
                Cell::Duplicate => Err(Reason::DuplicateKey),
                other => panic!("a scan gives no {other:?}"),
            };
            let expected = find(&model, &segments(path)).map(|value| value.map(|value| compact(&print(value, style))));
            prop_assert_eq!(result, expected, "{} in {}", path, payload);
        }
        match &model {
            Model::Object(members) => prop_assert_eq!(found.tape.len(), members.len()),
            _ => prop_assert!(found.tape.is_empty()),
        }
    }

    #[test]
    fn a_document_changes_as_a_naive_tree_does(
        model in model(), style: u64, changes in prop::collection::vec(change(), 1..12), looked_up in path(),
    ) {
        let mut model = model;
        let mut document = Document::default();
        document.read(print(&model, style).as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(shown(&document, document.root()), print(&model, 0));
        for change in &changes {
            let (left, right) = apply(&mut document, &mut model, change);
            prop_assert_eq!(left, right, "{:?}", change);
            prop_assert_eq!(shown(&document, document.root()), print(&model, 0), "{:?}", change);
        }
        let left = document.get(&looked_up).map(|node| node.map(|node| shown(&document, node)));
        prop_assert_eq!(left, find(&model, &segments(&looked_up)).map(|value| value.map(|value| print(value, 0))));
    }

    /// What expressions see of a changed document is what a scan of its bytes would show them.
    #[test]
    fn the_cells_of_a_document_are_those_of_its_bytes(
        model in model(), changes in prop::collection::vec(change(), 0..6), wanted in prop::collection::vec(path(), 1..8),
    ) {
        let mut model = model;
        let mut document = Document::default();
        document.read(print(&model, 0).as_bytes(), &Limits::default()).unwrap();
        for change in &changes {
            apply(&mut document, &mut model, change);
        }
        let mut builder = PathSetBuilder::default();
        for path in &wanted {
            builder.add(path);
        }
        let set = builder.build().unwrap();
        let bytes = shown(&document, document.root());
        let mut found = Scan::default();
        scan(bytes.as_bytes(), &set, &Limits::default(), &mut found).unwrap();
        let (mut cells, mut arena) = (Vec::new(), TextArena::default());
        document.fill(&set, &mut cells, &mut arena);
        for (path, (left, right)) in set.paths().iter().zip(cells.iter().zip(&found.cells)) {
            let right = match right {
                Cell::Raw(raw) => raw.span().of_str(&bytes).to_owned(),
                other => format!("{other:?}"),
            };
            let left = match left {
                Cell::Raw(raw) => String::from_utf8_lossy(raw.span().of(document.payload())).into_owned(),
                Cell::Text(span) => serde_json::to_string(arena.get(*span)).unwrap(),
                Cell::Composite => right.clone(),
                Cell::Int(value) => value.to_string(),
                Cell::Bool(value) => value.to_string(),
                Cell::Null => "null".to_owned(),
                other => format!("{other:?}"),
            };
            prop_assert_eq!(left, right, "{} in {}", path, bytes);
        }
    }

    /// The object writer, with compact input, gives what the document gives.
    #[test]
    fn the_object_writer_and_the_document_agree(
        members in prop::collection::btree_map("[a-h]", any::<i32>(), 0..6), edits in prop::collection::vec(0..5u8, 6),
    ) {
        let members = members.into_iter().map(|(key, value)| (key, Model::Scalar(value.to_string()))).collect();
        let payload = print(&Model::Object(members), 0);
        let mut document = Document::default();
        document.read(payload.as_bytes(), &Limits::default()).unwrap();
        let mut found = Scan::default();
        scan(payload.as_bytes(), &PathSetBuilder::default().build().unwrap(), &Limits::default(), &mut found).unwrap();
        let mut out = Vec::new();
        let mut writer = ObjectWriter::new(payload.as_bytes(), found.root, &mut out);
        for (field, edit) in found.tape.iter().zip(&edits) {
            let key = field.key.of_str(&payload);
            let (path, new) = (FieldPath::parse(key).unwrap(), format!("new {key}"));
            match edit {
                0 => writer.keep(field),
                1 => writer.drop_field(field),
                2 => writer.rename(field, &new),
                3 => number::write_f64(writer.replace(field), 2.0).unwrap(),
                _ => number::write_f64(writer.rename_and_replace(field, &new), 2.0).unwrap(),
            }
            if *edit == 1 {
                document.remove(&path).unwrap();
            }
            if *edit >= 3 {
                document.set(&path, Value::Double(2.0)).unwrap();
            }
            if matches!(edit, 2 | 4) {
                document.rename(&path, &new).unwrap();
            }
        }
        if edits[5] == 0 {
            writer.append("x").push(b'7');
            document.set(&FieldPath::parse("x").unwrap(), Value::Int(7)).unwrap();
        }
        writer.finish();
        prop_assert_eq!(String::from_utf8(out).unwrap(), shown(&document, document.root()));
    }
}

#[test]
fn a_document_as_deep_as_one_likes_is_built_written_copied_and_dropped() {
    let limits = Limits { depth: u32::MAX, payload_bytes: u32::MAX, ..Limits::default() };
    for depth in [64, 10_000, 1_000_000usize] {
        let payload = "[".repeat(depth) + &"]".repeat(depth);
        let mut document = Document::default();
        document.read(payload.as_bytes(), &limits).unwrap();
        let copy = document.clone();
        drop(document);
        assert_eq!(shown(&copy, copy.root()), payload);
    }
    let mut document = Document::default();
    assert_eq!(document.read("[".repeat(100).as_bytes(), &Limits::default()).unwrap_err().reason, Reason::TooDeep);
    assert_eq!(shown(&document, document.root()), "null");
}

#[test]
fn a_document_has_keys_and_members() {
    let mut document = Document::default();
    document.read(br#"{"a":1,"\u00e9":[true],"a":2}"#, &Limits::default()).unwrap();
    let keys: Vec<_> = document.members(document.root()).map(|node| document.key(node).unwrap().into_owned()).collect();
    assert_eq!(keys, ["a", "é", "a"]);
    assert_eq!(document.set(&FieldPath::parse("a").unwrap(), Value::Null), Err(Reason::DuplicateKey));
    assert_eq!(document.set(&FieldPath::parse("x").unwrap(), Value::Double(f64::NAN)), Err(Reason::NotFinite));
    assert_eq!(shown(&document, document.root()), r#"{"a":1,"\u00e9":[true],"a":2}"#);
}
