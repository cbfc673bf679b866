//! Lookup tables: their rows come from outside, and are put in force between two messages.

use std::sync::Arc;

use pronubes_core::tables::{Rows, TableError};
use serde::Serialize;

use crate::pipeline::Pipeline;

/// A table that steps look up.
#[derive(Debug, Serialize)]
pub struct TableStatus {
    /// Its name.
    pub name: Box<str>,
    /// How many rows it has.
    pub rows: usize,
    /// How often a key was found.
    pub hits: u64,
    /// How often it was not.
    pub misses: u64,
}

impl Pipeline {
    /// Puts the rows of a table in force, from the next message on. What waits in hooks of an earlier plan goes on with the rows of that plan.
    ///
    /// # Errors
    /// There is no such table, or its steps use other columns; the rows before stay then.
    pub fn set_table(&mut self, name: &str, rows: Arc<Rows>) -> Result<(), TableError> {
        self.router.set_table(name, rows)
    }

    pub(crate) fn table_statuses(&self) -> Vec<TableStatus> {
        let status = |table: pronubes_core::tables::TableView<'_>| TableStatus {
            name: table.name.into(),
            rows: table.rows,
            hits: table.hits,
            misses: table.misses,
        };
        self.router.tables().map(status).collect()
    }
}
