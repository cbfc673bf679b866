//! What is seen of the catalogue, as JSON.

use pronubes_core::catalog::{Catalog, Page, Query, TopicView};
use pronubes_core::topic::{RouteFilter, TopicError};

use crate::batch::{write_payload, write_text};
use crate::fields::FieldReader;
use crate::pipeline::Pipeline;

/// No answer holds more names than this.
pub const MAX_TOPICS: usize = 1_000;

/// Which names are wanted; as [`Query`], in text.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextQuery<'a> {
    /// An MQTT filter, captures allowed.
    pub filter: Option<&'a str>,
    /// A text that names contain.
    pub search: Option<&'a str>,
    /// The cursor of the page before.
    pub after: Option<&'a str>,
    /// At most so many, and never more than [`MAX_TOPICS`].
    pub limit: usize,
}

/// All of a name but its payload.
#[derive(serde::Serialize)]
struct Facts<'a> {
    payload_bytes: u32,
    received_ns: i64,
    first_ns: i64,
    count: u64,
    rate: f64,
    route: &'a str,
    source: &'a str,
    origin: &'a str,
    contract: Option<&'a str>,
    branch: Option<&'a str>,
    owner: Option<&'a str>,
    violations: u32,
    sequence: u64,
    orphan: bool,
}

impl Pipeline {
    /// A page of names: `{"topics": [..], "next": cursor}`.
    ///
    /// # Errors
    /// The filter is none. The inner nothing: there is no catalogue.
    pub fn catalog_page(&self, query: &TextQuery<'_>, now_ns: i64) -> Result<Option<Vec<u8>>, TopicError> {
        let filter = query.filter.map(RouteFilter::parse).transpose()?;
        let TextQuery { search, after, limit, .. } = *query;
        let limit = limit.clamp(1, MAX_TOPICS);
        let query = Query { filter: filter.as_ref(), search, after, limit, now_ns };
        Ok(self.router.catalog().map(|catalog| self.page(&catalog.page(&query))))
    }

    /// The levels below a name: `{"children": [{"name", "is_topic", "below"}], "next": cursor}`.
    #[must_use]
    pub fn catalog_children(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Option<Vec<u8>> {
        let children = |catalog: &Catalog| {
            serde_json::to_vec(&catalog.children(prefix, after, limit.clamp(1, MAX_TOPICS))).unwrap_or_default()
        };
        self.router.catalog().map(children)
    }

    /// One name; an inner nothing when there is no such name.
    #[must_use]
    pub fn catalog_get(&self, topic: &str, now_ns: i64) -> Option<Option<Vec<u8>>> {
        let catalog = self.router.catalog()?;
        Some(catalog.get(topic, now_ns).map(|view| {
            let mut out = Vec::new();
            self.write_topics(&[view], &mut out);
            out
        }))
    }

    /// The oldest changes after `since`: `{"sequence", "generation", "more", "topics": [..]}`.
    #[must_use]
    pub fn catalog_changes(&self, since: u64, limit: usize, now_ns: i64) -> Option<Vec<u8>> {
        let changes = self.router.catalog()?.changes(since, limit.clamp(1, MAX_TOPICS), now_ns);
        let (sequence, generation, has_more) = (changes.sequence, changes.generation, changes.has_more);
        let head = format!("{{\"sequence\":{sequence},\"generation\":{generation},\"more\":{has_more},\"topics\":[");
        let mut out = head.into_bytes();
        self.write_topics(&changes.topics, &mut out);
        out.extend_from_slice(b"]}");
        Some(out)
    }
}

impl Pipeline {
    fn page(&self, page: &Page<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 384 * page.topics.len());
        out.extend_from_slice(b"{\"topics\":[");
        self.write_topics(&page.topics, &mut out);
        out.extend_from_slice(b"],\"next\":");
        match page.next {
            Some(next) => write_text(next, &mut out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
        out
    }

    /// Names as objects with commas between.
    fn write_topics(&self, topics: &[TopicView<'_>], out: &mut Vec<u8>) {
        let Some(mut reader) = FieldReader::new(&[]) else { return };
        for (at, view) in topics.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"{\"topic\":" } else { b",{\"topic\":" });
            write_text(view.topic, out);
            match view.payload {
                Some(payload) => {
                    reader.read(payload);
                    write_payload(payload, reader.scanned().is_some(), "", out);
                }
                None => out.extend_from_slice(b",\"payload\":null"),
            }
            out.push(b',');
            let namespace = self.router.plan().namespace();
            let branch = namespace.and_then(|space| Some(space.branch(*space.covering(view.topic).first()?)));
            let facts = Facts {
                payload_bytes: view.payload_length,
                received_ns: view.time_ns,
                first_ns: view.first_ns,
                count: view.count,
                rate: (view.rate * 1000.0).round() / 1000.0,
                route: view.route,
                source: view.source,
                origin: view.origin,
                contract: view.contract,
                branch: branch.map(|branch| &*branch.filter),
                owner: branch.and_then(|branch| branch.owner.as_deref()),
                violations: view.violations,
                sequence: view.sequence,
                orphan: view.is_orphan,
            };
            // Numbers and texts are always JSON; the brace they begin with is there already.
            let facts = serde_json::to_vec(&facts).unwrap_or_default();
            out.extend_from_slice(facts.get(1..).unwrap_or_default());
        }
    }
}
