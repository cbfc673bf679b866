//! Any bytes as a payload, paths of its own keys: the scan, the tree, the walk over members and the writers agree.

use pronubes_core::payload::{
    Cell, Document, Fault, FieldPath, Inside, Kind, Limits, NodeId, ObjectWriter, PathSet, PathSetBuilder, Raw, Scan,
    TextArena, members, number, scan, scan_members, text,
};

/// Panics when something that must hold does not.
pub fn check(payload: &[u8]) {
    let limits = Limits { depth: 16, keys: 50, text_bytes: 200, payload_bytes: 1 << 16 };
    let (mut found, mut document) = (Scan::default(), Document::default());
    let result = scan(payload, &PathSet::default(), &limits, &mut found);
    assert_eq!(document.read(payload, &limits), result);
    check_noted(payload, &limits, &mut found.clone(), result);
    if let Err(fault) = result {
        assert!(fault.offset as usize <= payload.len());
        return;
    }
    assert!(std::str::from_utf8(payload).is_ok());
    let mut paths = PathSetBuilder::default();
    collect_paths(&document, document.root(), &FieldPath::root(), &mut paths);
    let Ok(paths) = paths.build() else { return };
    scan(payload, &paths, &limits, &mut found).expect("paths do not change what is JSON");
    check_cells(payload, &paths, &found, &document);
    check_values(payload, found.root);
    check_written(payload, &found, &document, &limits);
}

fn collect_paths(document: &Document, node: NodeId, path: &FieldPath, paths: &mut PathSetBuilder) {
    paths.add(path);
    for (index, member) in document.members(node).take(20).enumerate() {
        let key = document.key(member).map_or_else(|| index.to_string(), |key| key.into_owned());
        if let Ok(path) = path.child(&key) {
            collect_paths(document, member, &path, paths);
        }
    }
}

/// Noting what is in top-level values changes nothing else, and finds what the walk over members finds.
fn check_noted(payload: &[u8], limits: &Limits, found: &mut Scan, result: Result<(), Fault>) {
    let mut paths = PathSetBuilder::default();
    for field in &found.tape {
        let key = field.key.of(payload);
        if let Some(path) = std::str::from_utf8(key).ok().and_then(|key| FieldPath::root().child(key).ok()) {
            let slot = paths.add(&path);
            paths.note_inside(slot);
        }
    }
    let Ok(paths) = paths.build() else { return };
    assert_eq!(scan(payload, &paths, limits, found), result);
    if result.is_err() {
        return;
    }
    for cell in &found.cells {
        let Cell::Raw(raw) = cell else { continue };
        let is_container = matches!(raw.kind, Kind::Object | Kind::Array);
        let walked = is_container.then(|| members(payload, *raw).collect::<Vec<_>>());
        assert_eq!(found.inside(*raw).map(<[_]>::to_vec), walked);
        if is_container {
            check_members(payload, *raw, &paths, limits);
        }
    }
}

/// Looking into the members of a value in one pass changes nothing else, and finds in each what a scan of it alone finds.
fn check_members(payload: &[u8], container: Raw, paths: &PathSet, limits: &Limits) {
    let walked: Vec<Inside> = members(payload, container).collect();
    let mut names = PathSetBuilder::default();
    for inside in walked.iter().take(3) {
        let mut document = Document::default();
        document.read(inside.value.span().of(payload), limits).expect("a part of what is JSON");
        collect_paths(&document, document.root(), &FieldPath::root(), &mut names);
    }
    let Ok(names) = names.build() else { return };
    let (mut whole, mut alone, mut loaded) = (Scan::default(), Scan::default(), Scan::default());
    assert_eq!(scan(payload, paths, limits, &mut alone), Ok(()));
    assert_eq!(scan_members(payload, (paths, Some(&names)), limits, &mut whole), Ok(()));
    assert_eq!((whole.root, &whole.cells, &whole.tape), (alone.root, &alone.cells, &alone.tape));
    assert_eq!(whole.inside(container), Some(walked.as_slice()));
    for (index, inside) in walked.iter().enumerate() {
        scan(inside.value.span().of(payload), &names, limits, &mut alone).expect("a part of what is JSON");
        assert!(whole.load_member(container, index, &mut loaded));
        assert_eq!((loaded.root, &loaded.cells, &loaded.tape), (alone.root, &alone.cells, &alone.tape));
    }
}

/// Every path leads to the same place in the scan and in the tree.
fn check_cells(payload: &[u8], paths: &PathSet, found: &Scan, document: &Document) {
    let (mut cells, mut arena) = (Vec::new(), TextArena::default());
    document.fill(paths, &mut cells, &mut arena);
    assert_eq!(found.cells, cells);
    for (path, cell) in paths.paths().iter().zip(&cells) {
        let (Cell::Raw(raw), Ok(Some(node))) = (cell, document.get(path)) else { continue };
        assert_eq!(document.cell(node), *cell);
        if document.is_object(node) || document.is_array(node) {
            let walked: Vec<Raw> = members(payload, *raw).map(|inside| inside.value).collect();
            let linked: Vec<Cell> = document.members(node).map(|member| document.cell(member)).collect();
            assert_eq!(walked.into_iter().map(Cell::Raw).collect::<Vec<_>>(), linked);
        }
        check_values(payload, *raw);
    }
}

/// Numbers and texts come back from what is written of them.
fn check_values(payload: &[u8], raw: Raw) {
    let mut out = Vec::new();
    if let Ok(Cell::Double(value)) = number::read(payload, raw) {
        number::write_f64(&mut out, value).expect("what is read is finite");
        assert_eq!(number::parse_f64(&out).map(f64::to_bits), Ok(value.to_bits()));
    }
    let mut arena = TextArena::default();
    let span = text::decode(payload, raw, &mut arena);
    if !text::inner(payload, raw).is_empty() {
        let decoded = arena.get(span);
        assert!(text::equals(payload, raw, decoded));
        assert_eq!(text::compare(payload, raw, decoded), Some(std::cmp::Ordering::Equal));
        out.clear();
        text::write(&mut out, decoded);
        let mut found = Scan::default();
        scan(&out, &PathSet::default(), &Limits::default(), &mut found).expect("written text is JSON");
        assert!(text::equals(&out, found.root, decoded));
    }
}

/// An object that is kept whole stays as it is; a compact document is JSON and its own compact form.
fn check_written(payload: &[u8], found: &Scan, document: &Document, limits: &Limits) {
    if let Some(last) = found.tape.last() {
        let (mut whole, mut one_by_one) = (Vec::new(), Vec::new());
        let mut writer = ObjectWriter::new(payload, found.root, &mut whole);
        writer.keep(last);
        writer.finish();
        let mut writer = ObjectWriter::new(payload, found.root, &mut one_by_one);
        found.tape.iter().for_each(|field| writer.keep(field));
        writer.finish();
        assert_eq!((&whole[..], &one_by_one[..]), (found.root.span().of(payload), found.root.span().of(payload)));
    }
    let (mut compact, mut again) = (Vec::new(), Vec::new());
    document.write(&mut compact);
    let mut reread = Document::default();
    reread.read(&compact, limits).expect("a written document is JSON");
    reread.write(&mut again);
    assert_eq!(compact, again);
}
