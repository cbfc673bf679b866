//! A catalogue that is a sorted map and nothing else.

use std::collections::BTreeMap;

use pronubes_core::catalog::{Catalog, Origin};
use pronubes_core::{RouteId, SourceId};
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub struct Op {
    pub name: String,
    pub from: String,
    pub payload: Vec<u8>,
}

/// Levels of few letters, so that names are near to each other, and `-`, which sorts before `/`.
pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    let name = prop::collection::vec("[abc]{1,2}|a-b|\\$a|", 1..4).prop_map(|levels| levels.join("/"));
    let name = name.prop_filter("a name is not empty", |name| !name.is_empty());
    let op = (name, "x|yy", prop::collection::vec(any::<u8>(), 0..90));
    prop::collection::vec(op.prop_map(|(name, from, payload)| Op { name, from, payload }), 0..60)
}

pub fn filters() -> impl Strategy<Value = Vec<String>> {
    let level = "[abc]{1,2}|a-b|\\$a|\\+|\\+|";
    let filter = (prop::collection::vec(level, 1..4), any::<bool>()).prop_map(|(mut levels, is_open)| {
        if is_open {
            levels.push("#".to_owned());
        }
        levels.join("/")
    });
    prop::collection::vec(filter.prop_filter("a filter is not empty", |text| !text.is_empty()), 4)
}

pub fn origin<'a>(catalog: &Catalog, topic: &'a str) -> Origin<'a> {
    Origin { route: RouteId(0), source: SourceId(0), topic, hash: catalog.hash_origin(topic) }
}

#[derive(Debug, Default)]
pub struct Value {
    pub from: String,
    pub payload: Vec<u8>,
    pub time_ns: i64,
    pub count: u64,
}

#[derive(Debug, Default)]
pub struct Model {
    pub values: BTreeMap<String, Value>,
}

impl Model {
    /// Takes a value, unless the name is another's.
    pub fn put(&mut self, name: &str, from: &str, payload: &[u8], time_ns: i64) -> bool {
        let value = self.values.entry(name.to_owned()).or_default();
        if value.count > 0 && value.from != from {
            return false;
        }
        *value = Value { from: from.to_owned(), payload: payload.to_vec(), time_ns, count: value.count + 1 };
        true
    }

    pub fn names(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        self.values.keys().map(String::as_str).filter(|name| is_wanted(name)).collect()
    }

    /// Level, whether it is a name, how many names are below; sorted by level.
    pub fn children(&self, prefix: Option<&str>) -> Vec<(String, bool, usize)> {
        let mut found: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for name in self.values.keys() {
            let rest = match prefix {
                Some(prefix) => name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')),
                None => Some(name.as_str()),
            };
            let Some(rest) = rest else { continue };
            match rest.split_once('/') {
                Some((level, _)) => found.entry(level).or_default().1 += 1,
                None => found.entry(rest).or_default().0 = true,
            }
        }
        found.into_iter().map(|(level, (is_name, below))| (level.to_owned(), is_name, below)).collect()
    }
}

/// All pages of children, joined and sorted by level.
pub fn children(catalog: &Catalog, prefix: Option<&str>, limit: usize) -> Vec<(String, bool, usize)> {
    let mut found = Vec::new();
    let mut after: Option<&str> = None;
    loop {
        let page = catalog.children(prefix, after, limit);
        assert!(page.children.len() <= limit);
        found.extend(page.children.iter().map(|child| (child.name.to_owned(), child.is_topic, child.below)));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    found.sort_unstable();
    found
}
