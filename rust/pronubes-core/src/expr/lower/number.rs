//! Arithmetic: closures over doubles where the result is certainly a double, over numbers elsewhere.

use super::super::value::{arithmetic, difference, double, finite, joined, negated, sum};
use super::{Code, DoubleFn, Literals, Number, NumberFn, Operator, SlotId, Tree, Type, cell_fn};
use super::{Constant, constant_cell};
use crate::payload::Cell;

/// The code of a negation or an arithmetic operation.
pub(super) fn lower(tree: &Tree, literals: &mut Literals) -> Code {
    if let Some(shape) = affine(tree) {
        return Code::Double(shape.code());
    }
    if tree.result() == Type::Double {
        return Code::Double(double_fn(tree, literals));
    }
    match tree {
        Tree::Arithmetic(Operator::Subtract, left, right) if !tree.result().is_number() => {
            let (left, right) = (cell_fn(left, literals), cell_fn(right, literals));
            Code::Cell(Box::new(move |scope| {
                let (left, right) = (left(scope)?, right(scope)?);
                difference(left, right, scope)
            }))
        }
        Tree::Arithmetic(Operator::Add, left, right) if !tree.result().is_number() => {
            let is_text = tree.result() == Type::Text;
            let (left, right) = (cell_fn(left, literals), cell_fn(right, literals));
            Code::Cell(Box::new(move |scope| {
                let (left, right) = (left(scope)?, right(scope)?);
                if is_text { joined(left, right, scope) } else { sum(left, right, scope) }
            }))
        }
        _ => {
            let code = number_fn(tree, literals);
            Code::Cell(Box::new(move |scope| code(scope).map(Number::cell)))
        }
    }
}

/// The code of a part whose value is used as a number.
fn number_fn(tree: &Tree, literals: &mut Literals) -> NumberFn {
    match tree {
        Tree::Slot(slot, _) => {
            let slot = *slot;
            Box::new(move |scope| Number::of(scope.cell(slot), scope.inputs.payload))
        }
        Tree::Negate(part) => {
            let part = number_fn(part, literals);
            Box::new(move |scope| part(scope).and_then(negated))
        }
        Tree::Arithmetic(operator, left, right) if tree.result().is_number() => {
            let (operator, left) = (*operator, number_fn(left, literals));
            if let Tree::Constant(constant) = &**right
                && let Some(right) = number_of(constant)
            {
                return Box::new(move |scope| arithmetic(operator, left(scope)?, right));
            }
            let right = number_fn(right, literals);
            Box::new(move |scope| arithmetic(operator, left(scope)?, right(scope)?))
        }
        other => {
            let code = super::lower(other, literals);
            Box::new(move |scope| {
                let cell = code.eval(scope)?;
                Number::of(cell, scope.inputs.payload)
            })
        }
    }
}

/// The code of a part whose value is used as a double.
pub(super) fn double_fn(tree: &Tree, literals: &mut Literals) -> DoubleFn {
    if let Some(shape) = affine(tree) {
        return shape.code();
    }
    match tree {
        Tree::Constant(constant) => {
            let value = double(constant_cell(constant, literals), b"");
            Box::new(move |_| value)
        }
        Tree::Slot(slot, _) => {
            let slot = *slot;
            Box::new(move |scope| double(scope.cell(slot), scope.inputs.payload))
        }
        Tree::Negate(part) if tree.result() == Type::Double => {
            let part = double_fn(part, literals);
            Box::new(move |scope| part(scope).map(|value| -value))
        }
        Tree::Arithmetic(operator, left, right) if tree.result() == Type::Double => {
            let (left, right) = (double_fn(left, literals), double_fn(right, literals));
            match operator {
                Operator::Add => Box::new(move |scope| finite(left(scope)? + right(scope)?)),
                Operator::Subtract => Box::new(move |scope| finite(left(scope)? - right(scope)?)),
                Operator::Multiply => Box::new(move |scope| finite(left(scope)? * right(scope)?)),
                _ => Box::new(move |scope| finite(left(scope)? / right(scope)?)),
            }
        }
        other => {
            let code = number_fn(other, literals);
            Box::new(move |scope| code(scope).map(Number::to_f64))
        }
    }
}

/// `field * k + c` and its parts, where the constants make the result a double.
struct Affine {
    slot: SlotId,
    scale: Option<Scale>,
    add: Option<f64>,
}

#[derive(Clone, Copy)]
enum Scale {
    Multiply(f64),
    Divide(f64),
}

impl Affine {
    /// One check for the whole: a product that is not finite stays so when a finite constant is added.
    fn code(self) -> DoubleFn {
        let slot = self.slot;
        match (self.scale, self.add) {
            (Some(Scale::Multiply(factor)), Some(add)) => {
                Box::new(move |scope| finite(double(scope.cell(slot), scope.inputs.payload)? * factor + add))
            }
            (Some(Scale::Multiply(factor)), None) => {
                Box::new(move |scope| finite(double(scope.cell(slot), scope.inputs.payload)? * factor))
            }
            (Some(Scale::Divide(divisor)), Some(add)) => {
                Box::new(move |scope| finite(double(scope.cell(slot), scope.inputs.payload)? / divisor + add))
            }
            (Some(Scale::Divide(divisor)), None) => {
                Box::new(move |scope| finite(double(scope.cell(slot), scope.inputs.payload)? / divisor))
            }
            (None, add) => {
                let add = add.unwrap_or(-0.0);
                Box::new(move |scope| finite(double(scope.cell(slot), scope.inputs.payload)? + add))
            }
        }
    }
}

fn affine(tree: &Tree) -> Option<Affine> {
    let Tree::Arithmetic(operator, left, right) = tree else { return None };
    let (part, constant, is_mirrored) = match (&**left, &**right) {
        (part, Tree::Constant(constant)) => (part, constant, false),
        (Tree::Constant(constant), part) => (part, constant, true),
        _ => return None,
    };
    let value = as_double(constant)?;
    let is_double = matches!(constant, Constant::Double(_));
    match operator {
        Operator::Add | Operator::Subtract if !(is_mirrored && *operator == Operator::Subtract) => {
            let add = Some(if *operator == Operator::Add { value } else { -value });
            match part {
                Tree::Slot(slot, _) if is_double => Some(Affine { slot: *slot, scale: None, add }),
                _ => affine(part).filter(|inner| inner.add.is_none()).map(|inner| Affine { add, ..inner }),
            }
        }
        Operator::Multiply if is_double => {
            slot_of(part).map(|slot| Affine { slot, scale: Some(Scale::Multiply(value)), add: None })
        }
        Operator::Divide if !is_mirrored => {
            slot_of(part).map(|slot| Affine { slot, scale: Some(Scale::Divide(value)), add: None })
        }
        _ => None,
    }
}

fn slot_of(tree: &Tree) -> Option<SlotId> {
    if let Tree::Slot(slot, _) = tree { Some(*slot) } else { None }
}

fn as_double(constant: &Constant) -> Option<f64> {
    match constant {
        Constant::Int(value) => Some(Number::Int(*value).to_f64()),
        Constant::UInt(value) => Some(Number::UInt(*value).to_f64()),
        Constant::Double(value) => Some(*value),
        _ => None,
    }
}

/// The number of a constant, where it is one.
pub(super) fn number_of(constant: &Constant) -> Option<Number> {
    match constant {
        Constant::Int(value) => Some(Number::Int(*value)),
        Constant::UInt(value) => Some(Number::UInt(*value)),
        Constant::Double(value) => Some(Number::Double(*value)),
        _ => None,
    }
}

/// Whether a cell is a number in one of its forms.
pub(super) const fn is_number(cell: Cell) -> bool {
    use crate::payload::{Kind, Raw};
    matches!(
        cell,
        Cell::Raw(Raw { kind: Kind::Integer | Kind::Decimal, .. }) | Cell::Int(_) | Cell::UInt(_) | Cell::Double(_)
    )
}
