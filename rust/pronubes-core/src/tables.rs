//! Lookup tables: rows that the step `lookup` finds by a key.
//!
//! The specification names a table and the columns that steps use; whoever reads files hands in the rows, again and again
//! as they change. A router holds the rows that are in force and swaps them between two messages. Keys are texts: an
//! integer is looked up by its digits, so that `42` in a payload, `42` in a topic and `42` in a column are the same key.
//! Finding a row is one hash; nothing is allocated.

use std::cell::Cell as Counter;
use std::collections::HashMap;
use std::sync::Arc;

use crate::payload::{Cell, Span, TextArena};
use crate::spec::{RowsSpec, TableSpec};

/// The rows of a table at one time.
#[derive(Debug, Default)]
pub struct Rows {
    columns: Box<[Box<str>]>,
    by_key: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    /// Row by row.
    values: Box<[Stored]>,
    text: Box<str>,
    /// Where each row stands in its file.
    lines: Box<[u32]>,
}

/// A value of a table.
#[derive(Clone, Copy, Debug)]
enum Stored {
    /// A value without text.
    Plain(Cell),
    /// A text among those of the table.
    Text(Span),
}

/// Why rows are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The specification has no such table.
    Unknown(String),
    /// The rows have other columns than the specification.
    Columns(String),
    /// The rows themselves are wrong.
    Rows(String),
}

impl std::fmt::Display for TableError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(name) => write!(formatter, "There is no table `{name}`."),
            Self::Columns(name) => write!(formatter, "The rows for `{name}` have other columns."),
            Self::Rows(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for TableError {}

impl Rows {
    /// Takes rows over.
    ///
    /// # Errors
    /// A key that stands twice, rows of different length, values that are no scalars, or more than 32 bits can count.
    pub fn new(spec: &RowsSpec) -> Result<Self, TableError> {
        let wrong = |text: String| TableError::Rows(text);
        let (width, height) = (spec.columns.len(), spec.keys.len());
        if spec.values.len() != height || spec.lines.len() != height || spec.values.iter().any(|row| row.len() != width)
        {
            return Err(wrong("The rows are not all of one length.".to_owned()));
        }
        let mut by_key = HashMap::with_capacity_and_hasher(height, foldhash::fast::RandomState::default());
        for (row, key) in (0..).zip(&spec.keys) {
            if by_key.insert(key.as_str().into(), row).is_some() {
                return Err(wrong(format!("The key `{key}` stands twice.")));
            }
        }
        let mut text = String::new();
        let mut store = |value: &serde_json::Value| Stored::new(value, &mut text);
        let values: Option<Box<[Stored]>> = spec.values.iter().flatten().map(&mut store).collect();
        let values = values.ok_or_else(|| wrong("A table holds texts, numbers, truth values and null.".to_owned()))?;
        if u32::try_from(text.len()).is_err() || u32::try_from(height).is_err() {
            return Err(wrong("The table is too large.".to_owned()));
        }
        let columns = spec.columns.iter().map(|name| name.as_str().into()).collect();
        Ok(Self { columns, by_key, values, text: text.into(), lines: spec.lines.as_slice().into() })
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn cell(&self, row: u32, column: u16, arena: &mut TextArena) -> Cell {
        match self.values.get(row as usize * self.columns.len() + usize::from(column)) {
            Some(Stored::Plain(cell)) => *cell,
            Some(Stored::Text(span)) => {
                let mark = arena.mark();
                arena.push_str(span.of_str(&self.text));
                Cell::Text(arena.since(mark))
            }
            None => Cell::Null,
        }
    }
}

impl Stored {
    fn new(value: &serde_json::Value, texts: &mut String) -> Option<Self> {
        use serde_json::Value;
        let end = |texts: &String| u32::try_from(texts.len()).unwrap_or(u32::MAX);
        Some(match value {
            Value::Null => Self::Plain(Cell::Null),
            Value::Bool(value) => Self::Plain(Cell::Bool(*value)),
            Value::Number(number) => {
                let integer = number.as_i64().map(Cell::Int).or_else(|| number.as_u64().map(Cell::UInt));
                Self::Plain(integer.or_else(|| number.as_f64().map(Cell::Double))?)
            }
            Value::String(text) => {
                let start = end(texts);
                texts.push_str(text);
                Self::Text(Span { start, end: end(texts) })
            }
            Value::Array(_) | Value::Object(_) => return None,
        })
    }
}

/// The number of a table in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableId(pub(crate) u16);

/// What a step found last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) table: TableId,
    /// The row; none where the table has no such key.
    pub(crate) row: Option<u32>,
}

/// The tables of a router.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    tables: Box<[Table]>,
    /// For whoever looks on.
    found: Counter<Option<Found>>,
}

#[derive(Clone, Debug)]
struct Table {
    name: Box<str>,
    columns: Box<[Box<str>]>,
    rows: Arc<Rows>,
    hits: Counter<u64>,
    misses: Counter<u64>,
}

/// What is known of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableView<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many rows it has.
    pub rows: usize,
    /// How often a key was found.
    pub hits: u64,
    /// How often it was not.
    pub misses: u64,
}

impl Tables {
    /// Tables without rows.
    pub(crate) fn new(specs: &[TableSpec]) -> Self {
        let table = |spec: &TableSpec| Table {
            name: spec.name.as_str().into(),
            columns: spec.columns.iter().map(|name| name.as_str().into()).collect(),
            rows: Arc::default(),
            hits: Counter::default(),
            misses: Counter::default(),
        };
        Self { tables: specs.iter().map(table).collect(), found: Counter::default() }
    }

    /// Puts rows in force.
    pub(crate) fn set(&mut self, name: &str, rows: Arc<Rows>) -> Result<(), TableError> {
        let table = self.tables.iter_mut().find(|table| *table.name == *name);
        let table = table.ok_or_else(|| TableError::Unknown(name.to_owned()))?;
        if table.columns != rows.columns {
            return Err(TableError::Columns(name.to_owned()));
        }
        table.rows = rows;
        Ok(())
    }

    /// Takes over what those before have: counters, and rows of the same columns.
    pub(crate) fn inherit(&mut self, before: &mut Self) {
        for table in &mut self.tables {
            let Some(old) = before.tables.iter().find(|old| old.name == table.name) else { continue };
            table.hits.set(old.hits.take());
            table.misses.set(old.misses.take());
            if old.columns == table.columns {
                table.rows = Arc::clone(&old.rows);
            }
        }
    }

    /// What is known of them.
    pub(crate) fn views(&self) -> impl Iterator<Item = TableView<'_>> {
        self.tables.iter().map(|table| TableView {
            name: &table.name,
            rows: table.rows.len(),
            hits: table.hits.get(),
            misses: table.misses.get(),
        })
    }

    /// The row of a key; counts.
    #[inline]
    pub(crate) fn find(&self, id: TableId, key: Option<&str>) -> Option<u32> {
        let table = self.tables.get(usize::from(id.0))?;
        let row = key.and_then(|key| table.rows.by_key.get(key).copied());
        let counter = if row.is_some() { &table.hits } else { &table.misses };
        counter.set(counter.get() + 1);
        self.found.set(Some(Found { table: id, row }));
        row
    }

    /// A value of a row.
    #[inline]
    pub(crate) fn cell(&self, id: TableId, row: u32, column: u16, arena: &mut TextArena) -> Cell {
        self.tables.get(usize::from(id.0)).map_or(Cell::Null, |table| table.rows.cell(row, column, arena))
    }

    /// What was looked up last: the table, and the line of the row.
    pub(crate) fn found(&self) -> Option<(&str, Option<u32>)> {
        let Found { table, row } = self.found.get()?;
        let table = self.tables.get(usize::from(table.0))?;
        Some((&table.name, row.and_then(|row| table.rows.lines.get(row as usize).copied())))
    }
}
