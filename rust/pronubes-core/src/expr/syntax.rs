//! The syntax tree of an expression: what the parser gives, with positions, independent of the crate that parsed it.

use crate::payload::Span;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// The whole part in the expression's text.
    pub extent: Span,
    /// Its operator or name.
    pub mark: Span,
}

/// What a part of an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A literal.
    Constant(Constant),
    /// A variable.
    Name(Box<str>),
    /// `of.name`, or `has(of.name)` where `is_test`.
    Field { of: Box<Node>, name: Box<str>, is_test: bool },
    /// `of[index]`
    Index { of: Box<Node>, index: Box<Node> },
    /// `name(arguments)` or `receiver.name(arguments)`
    Call { name: Box<str>, receiver: Option<Box<Node>>, arguments: Vec<Node> },
    /// `!operand`
    Not(Box<Node>),
    /// `-operand`
    Negate(Box<Node>),
    /// `left && right`
    And(Box<Node>, Box<Node>),
    /// `left || right`
    Or(Box<Node>, Box<Node>),
    /// `left == right` and its like
    Compare(Comparison, Box<Node>, Box<Node>),
    /// `left + right` and its like
    Arithmetic(Operator, Box<Node>, Box<Node>),
    /// `item in list`
    In(Box<Node>, Box<Node>),
    /// `condition ? then : otherwise`
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    /// `[items]`
    List(Vec<Node>),
    /// `{key: value}`
    Map(Vec<(Node, Node)>),
    /// `range.all(name, body)` and its like
    Macro(Box<MacroNode>),
    /// Something that CEL has and pronubes has not.
    Unsupported(Box<str>),
}

/// A macro: a loop over a list, or over the keys of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct MacroNode {
    /// What it gives.
    pub kind: MacroKind,
    /// What it loops over.
    pub range: Node,
    /// The name of its variable.
    pub name: Box<str>,
    /// Where that name stands.
    pub name_at: Span,
    /// The condition of `map(name, condition, body)`.
    pub condition: Option<Node>,
    /// What is evaluated for each element.
    pub body: Node,
}

/// What a macro gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    /// Whether the body holds for all elements.
    All,
    /// Whether the body holds for at least one element.
    Exists,
    /// Whether the body holds for exactly one element.
    ExistsOne,
    /// The elements for which the body holds.
    Filter,
    /// What the body gives for each element.
    Map,
}

impl MacroKind {
    /// Every macro.
    pub const ALL: [Self; 5] = [Self::All, Self::Exists, Self::ExistsOne, Self::Filter, Self::Map];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::ExistsOne => "exists_one",
            Self::Filter => "filter",
            Self::Map => "map",
        }
    }

    /// Whether it gives a list.
    #[must_use]
    pub const fn gives_list(self) -> bool {
        matches!(self, Self::Filter | Self::Map)
    }
}

/// A constant of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above [`i64::MAX`].
    UInt(u64),
    /// A finite number.
    Double(f64),
    /// A text.
    Text(Box<str>),
    /// A point in time, as a [`Cell`](crate::payload::Cell) has it.
    Time(i64, u32),
    /// A span of time in nanoseconds.
    Duration(i64),
}

/// A comparison: the set of orderings for which it holds, one bit each for less, equal and greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Comparison {
    /// `<`
    Less = 0b001,
    /// `==`
    Equal = 0b010,
    /// `<=`
    LessEqual = 0b011,
    /// `>`
    Greater = 0b100,
    /// `!=`
    NotEqual = 0b101,
    /// `>=`
    GreaterEqual = 0b110,
}

impl Comparison {
    /// Whether it holds when the left side is so to the right side.
    #[inline]
    #[must_use]
    pub const fn holds(self, ordering: std::cmp::Ordering) -> bool {
        (self as u8) & (1 << (ordering as i8 + 1)) != 0
    }

    /// The comparison with its sides exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }

    /// Whether it asks for equality only, which every pair of values can answer.
    #[must_use]
    pub const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// As it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::Equal => "==",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::NotEqual => "!=",
            Self::GreaterEqual => ">=",
        }
    }
}

/// An operator on numbers; `+` also joins texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, always floating
    Divide,
    /// `int(a) / int(b)`
    DivideWhole,
    /// `%`
    Remainder,
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide | Self::DivideWhole => "/",
            Self::Remainder => "%",
        }
    }
}
