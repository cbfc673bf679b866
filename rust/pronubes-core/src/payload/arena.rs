//! What is made while one message is handled and does not fit into a cell: texts, lists, and the variables of loops.
//!
//! One arena per worker, cleared for each message; its memory is kept, so that nothing is allocated once it has grown.
//! It is bounded: who makes texts or lists asks [`TextArena::is_full`] and gives up, and work that depends on the
//! length of a payload is counted by [`TextArena::spend`].

use super::cell::{Cell, Span};

/// Most loops that may stand inside of each other.
pub const MAX_LOCALS: usize = 4;
/// Most bytes of text in an arena.
const MAX_TEXT: usize = 8 << 20;
/// Most elements of lists in an arena.
const MAX_CELLS: usize = 1 << 18;

/// Text and lists made while one message is handled: decoded escapes, results of expressions. Cleared and reused.
#[derive(Clone, Debug, Default)]
pub struct TextArena {
    text: String,
    /// The elements of all lists.
    cells: Vec<Cell>,
    /// The elements of lists that are being made, those of the innermost one last.
    pending: Vec<Cell>,
    /// A text that is being made of others.
    scratch: String,
    /// The variables of the loops that run.
    locals: [Option<Cell>; MAX_LOCALS],
    steps: u32,
}

/// A state of an arena to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    text: usize,
    cells: usize,
}

impl TextArena {
    /// Forgets all text and all lists, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
        debug_assert!(self.pending.is_empty(), "who begins a list ends it or gives it up");
    }

    /// Where the next text will start; give it to [`TextArena::since`] after pushing.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.text.len()
    }

    /// Appends to the text.
    pub fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends one character.
    pub fn push(&mut self, character: char) {
        self.text.push(character);
    }

    /// Appends a copy of text that is in the arena already.
    pub fn push_again(&mut self, span: Span) {
        let (start, end) = (span.start as usize, span.end as usize);
        if self.text.get(start..end).is_some() {
            self.text.extend_from_within(start..end);
        }
    }

    /// Appends a text that is made of others, which may stand in the arena.
    ///
    /// # Errors
    /// Those of `write`; nothing is appended then.
    pub fn build<E>(&mut self, write: impl FnOnce(&Self, &mut String) -> Result<(), E>) -> Result<Span, E> {
        let mut made = std::mem::take(&mut self.scratch);
        made.clear();
        let outcome = write(self, &mut made);
        let mark = self.text.len();
        if outcome.is_ok() {
            self.text.push_str(&made);
        }
        self.scratch = made;
        outcome.map(|()| self.since(mark))
    }

    /// Puts another text into the place of what was pushed since `mark`.
    pub fn rewrite_since(&mut self, mark: usize, write: impl FnOnce(&str, &mut String)) {
        let mut made = std::mem::take(&mut self.scratch);
        made.clear();
        write(self.text.get(mark..).unwrap_or_default(), &mut made);
        self.text.truncate(mark);
        self.text.push_str(&made);
        self.scratch = made;
    }

    /// What was pushed since `mark`. Text beyond 4 GiB cannot occur: documents are bounded long before.
    #[must_use]
    pub fn since(&self, mark: usize) -> Span {
        span(mark, self.text.len())
    }

    /// The text of a span.
    #[must_use]
    pub fn get(&self, span: Span) -> &str {
        span.of_str(&self.text)
    }

    /// The elements of a list, or the keys and values of an object.
    #[must_use]
    pub fn cells(&self, span: Span) -> &[Cell] {
        self.cells.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// One of them, by its number among all; [`Cell::Missing`] where there is none.
    #[must_use]
    pub fn cell(&self, at: u32) -> Cell {
        self.cells.get(at as usize).copied().unwrap_or(Cell::Missing)
    }

    /// Replaces one of them.
    pub fn set_cell(&mut self, at: u32, cell: Cell) {
        if let Some(place) = self.cells.get_mut(at as usize) {
            *place = cell;
        }
    }

    /// Appends a list.
    pub fn push_list(&mut self, elements: &[Cell]) -> Span {
        let start = self.cells.len();
        self.cells.extend_from_slice(elements);
        span(start, self.cells.len())
    }

    /// Begins a list whose elements are not known yet; give what it returns to [`TextArena::end_list`].
    #[must_use]
    pub fn begin_list(&self) -> usize {
        self.pending.len()
    }

    /// Appends an element to the list that was begun last.
    pub fn push_element(&mut self, cell: Cell) {
        self.pending.push(cell);
    }

    /// Ends the list that was begun last.
    pub fn end_list(&mut self, begun: usize) -> Span {
        let start = self.cells.len();
        self.cells.extend(self.pending.drain(begun..));
        span(start, self.cells.len())
    }

    /// Gives up the list that was begun last.
    pub fn drop_list(&mut self, begun: usize) {
        self.pending.truncate(begun);
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> Mark {
        Mark { text: self.text.len(), cells: self.cells.len() }
    }

    /// Forgets what was made since a state.
    pub fn back_to(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.cells.truncate(mark.cells);
    }

    /// Forgets what was made since a state, unless a value needs it.
    pub fn keep_only(&mut self, value: Cell, mark: Mark) {
        let is_needed = match value {
            Cell::Text(span) => span.end as usize > mark.text,
            Cell::List(_) | Cell::Map(_) => true,
            _ => false,
        };
        if !is_needed {
            self.back_to(mark);
        }
    }

    /// Whether it holds more than one message may need.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.text.len() > MAX_TEXT || self.cells.len() + self.pending.len() > MAX_CELLS
    }

    /// The variable of a loop.
    #[must_use]
    pub fn local(&self, number: usize) -> Cell {
        self.locals.get(number).copied().flatten().unwrap_or(Cell::Missing)
    }

    /// Gives the variable of a loop its value.
    pub fn set_local(&mut self, number: usize, cell: Cell) {
        if let Some(local) = self.locals.get_mut(number) {
            *local = Some(cell);
        }
    }

    /// Begins to count steps anew.
    pub fn begin_steps(&mut self) {
        self.steps = 0;
    }

    /// Counts steps; how many there are since the count began.
    pub fn spend(&mut self, steps: u32) -> u32 {
        self.steps = self.steps.saturating_add(steps);
        self.steps
    }
}

/// A range; both bounds of an arena lie far below 2^32.
fn span(start: usize, end: usize) -> Span {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: place(start), end: place(end) }
}
