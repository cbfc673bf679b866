//! Stages: a route is cut where one payload becomes many (`explode`), where it becomes other bytes (`decode`) and where
//! Python goes on (`python`).
//!
//! A stage reads one payload with one scan, does its steps and hands one payload on. What follows is another stage that
//! reads that payload anew; so every stage is of one simple kind, and a hook may give back any bytes.

use std::sync::Arc;

use super::edit::Standing;
use crate::HookId;
use crate::contract::Binding;
use crate::expr::Expr;
use crate::matcher::RouteId;
use crate::payload::codec::Codec;
use crate::payload::{FieldPath, PathSet, PathSetBuilder, SlotId, TooManyPaths, text};
use crate::state::{Settings, Step as StatefulStep};
use crate::transform::{Explode, Op, Reshape};

/// A part of a route.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Which scan it needs; none when nothing asks for JSON.
    pub(crate) scan: Option<ScanId>,
    /// The route's `where`, in its first stage.
    pub(crate) gate: Option<Expr>,
    /// The route's `expect`, in its first stage.
    pub(crate) expect: Option<Judged>,
    /// The route's `contract`, in its last stage; several where the topic says which.
    pub(crate) contracts: Box<[Judged]>,
    /// Whether anything but contracts needs the payload to be JSON.
    pub(crate) needs_json: bool,
    pub(crate) steps: Box<[Step]>,
    pub(crate) kind: StageKind,
    pub(crate) end: End,
    /// What leaves in place of the JSON, in the last stage.
    pub(crate) encoding: Option<Recode>,
}

/// A codec in a route.
#[derive(Debug)]
pub(crate) struct Recode {
    /// The position of its step in the configuration.
    pub(crate) number: u16,
    pub(crate) condition: Option<Expr>,
    pub(crate) codec: Codec,
}

/// A contract that a stage judges.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Its position in the plan.
    pub(crate) contract: usize,
    /// Where its fields stand in the stage's scan.
    pub(crate) binding: Binding,
}

/// A scan of the plan; the first stages of routes that can meet share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanId(pub(crate) u32);

/// A stateful step of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateId(pub(crate) u32);

/// A stateful step, which belongs to one route alone.
#[derive(Debug)]
pub(crate) struct StatePlan {
    pub(crate) route: RouteId,
    /// Its stage, which it ends.
    pub(crate) stage: usize,
    /// What it says, and where: who says the same takes over what it remembers.
    pub(crate) identity: Box<str>,
    pub(crate) settings: Settings,
    pub(crate) step: Arc<dyn StatefulStep>,
}

impl StatePlan {
    /// The slots that it reads.
    pub(crate) fn slots(&self) -> Vec<SlotId> {
        let mut slots = self.step.slots();
        slots.extend(self.settings.time.as_ref().map(|field| field.slot));
        slots
    }
}

/// How the steps of a stage are run.
#[derive(Debug)]
pub(crate) enum StageKind {
    /// There are none: the payload goes on as it is.
    Pass,
    /// On the cells of the scan; untouched text is copied.
    Edit {
        /// What is left of objects of which a `keep` names single members.
        narrowed: Box<[Narrowed]>,
    },
    /// On a document.
    General,
}

/// An object of which a `keep` leaves only some members.
#[derive(Debug)]
pub(crate) struct Narrowed {
    /// The object, a top-level field.
    pub(crate) object: SlotId,
    /// The members that stay, as long as no `rename` moves them out.
    pub(crate) members: Box<[SlotId]>,
}

/// A step on the payload.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its position in the configuration.
    pub(crate) number: u16,
    pub(crate) condition: Option<Expr>,
    pub(crate) op: Op,
}

/// What follows on a stage.
#[derive(Debug)]
pub(crate) enum End {
    /// The targets of the route.
    Finish,
    /// The next stage, with the same payload. Stands before an end that has a condition, which reads the payload anew.
    Continue,
    /// The next stage, with the payload in another shape. The stage has no steps.
    Shape { number: u16, condition: Option<Expr>, shape: Box<Reshape> },
    /// The next stage, once per member. The stage has no steps.
    Explode { number: u16, condition: Option<Expr>, explode: Explode },
    /// A step that remembers, then the next stage, for what it lets go. The stage has no steps if there is a condition.
    State { number: u16, condition: Option<Expr>, state: StateId },
    /// The next stage, with the payload decoded. The stage has no steps and looks for nothing in the payload.
    Decode(Recode),
    /// Python, then the next stage. With a condition, the stage has no steps.
    Hook { number: u16, condition: Option<Expr>, hook: HookId },
}

/// What one scan looks for, with all that depends on its slots alone.
#[derive(Debug)]
pub(crate) struct ScanPlan {
    pub(crate) paths: PathSet,
    pub(crate) slots: Box<[SlotPlan]>,
    /// Where the fields of the slots stand in every payload.
    pub(crate) standings: Box<[Standing]>,
}

/// What is known about a slot at load.
#[derive(Debug)]
pub(crate) struct SlotPlan {
    /// The last key of its path as JSON, with quotes.
    pub(crate) key: Box<[u8]>,
    /// Whether it is a top-level field.
    pub(crate) is_top: bool,
    /// The slots of paths inside of it.
    pub(crate) below: Box<[SlotId]>,
}

impl ScanPlan {
    pub(crate) fn new(builder: PathSetBuilder) -> Result<Self, TooManyPaths> {
        let paths = builder.build()?;
        let slots = paths.paths().iter().map(|path| SlotPlan::new(path, paths.paths())).collect();
        let standings = (0..).map(Standing::at_first).take(paths.len()).collect();
        Ok(Self { paths, slots, standings })
    }

    pub(crate) fn slot(&self, slot: SlotId) -> &SlotPlan {
        &self.slots[usize::from(slot.0)]
    }
}

impl SlotPlan {
    fn new(path: &FieldPath, all: &[FieldPath]) -> Self {
        let mut key = Vec::new();
        text::write(&mut key, path.last().unwrap_or_default());
        let below = (0..).zip(all).filter(|(_, other)| path.contains(other) && *other != path);
        let below = below.map(|(slot, _)| SlotId(slot)).collect();
        Self { key: key.into(), is_top: path.len() == 1, below }
    }
}
