//! The memory that handling messages needs, used again from message to message.

use super::gate::GateWork;
use super::recode::Recoding;
use super::states::Slot;
use crate::catalog::{Catalog, CatalogSlot};
use crate::matcher::{Hits, TopicSlot};
use crate::payload::{Cell, Scan, Span, TextArena};
use crate::plan::{EditState, ScanId, TreeState};
use crate::state::Emissions;
use crate::tables::Tables;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// For topics that the table does not know.
    pub(super) hits: Hits,
    pub(super) blob: Vec<u8>,
    pub(super) routes: RouteWork,
    /// What leaves because time has come.
    pub(super) emissions: Emissions,
}

/// What running routes needs.
#[derive(Debug, Default)]
pub(super) struct RouteWork {
    /// The number of the present topic, where the table has it.
    pub(super) topic_number: Option<TopicSlot>,
    pub(super) captures: Vec<Span>,
    /// One per stage that can be under way at the same time.
    pub(super) levels: Vec<Level>,
    pub(super) names: Names,
    pub(super) detail: String,
    /// What leaves under which name, where the plan wants it kept.
    pub(super) catalog: Option<Box<Catalog>>,
    pub(super) gate: GateWork,
    /// What steps remember, by [`StateId`](crate::plan::StateId).
    pub(super) stores: Vec<Slot>,
    /// The tables that steps look up, with the rows that are in force.
    pub(super) tables: Tables,
}

/// What one stage works on.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) scan: Scan,
    /// Which scan of the present message is in `scan`.
    pub(super) scanned: Option<ScanId>,
    /// By which scan the members are read that are noted in `scan`.
    pub(super) members: Option<ScanId>,
    /// Whether the next payload is in `scan` already.
    pub(super) is_read: bool,
    pub(super) edit: EditState,
    pub(super) tree: TreeState,
    pub(super) text: TextArena,
    /// The payload that the stage hands on.
    pub(super) out: Vec<u8>,
    /// A scalar payload as an object.
    pub(super) wrapped: Vec<u8>,
    /// A payload that a contract has marked before the steps.
    pub(super) marked: Vec<u8>,
    pub(super) exploded: Exploded,
    /// What a stateful step lets go.
    pub(super) emissions: Emissions,
    pub(super) recoding: Recoding,
}

/// One member of a payload that is taken apart.
#[derive(Debug, Default)]
pub(super) struct Exploded {
    /// Its key.
    pub(super) key: TextArena,
    pub(super) payload: Vec<u8>,
    /// The fields that it gets beside its own.
    pub(super) carried: Vec<u8>,
}

/// The parts at the front of rendered topics that depend on the topic of the message alone.
#[derive(Debug, Default)]
pub(super) struct Heads {
    pub(super) text: Vec<u8>,
    /// By template; none as long as the present message has not needed them.
    pub(super) spans: Vec<Span>,
}

/// Topics that are rendered per message.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) text: Vec<u8>,
    /// By template; empty for those that are not rendered here.
    pub(super) spans: Vec<Span>,
    /// How the names of all members of a payload that is taken apart begin.
    pub(super) heads: Heads,
    /// The slots of the names of the present message in the catalogue.
    pub(super) slots: Vec<CatalogSlot>,
    /// Whether the present payload breaks the contract of its route and leaves nevertheless.
    pub(super) is_violating: bool,
    /// What is wrong with a name or a payload.
    pub(super) told: String,
}

/// The key of an exploded member as a cell.
#[inline]
pub(super) fn key_cell(key: Option<&str>, text: &mut TextArena) -> Cell {
    let Some(key) = key else { return Cell::Missing };
    let mark = text.mark();
    text.push_str(key);
    Cell::Text(text.since(mark))
}
