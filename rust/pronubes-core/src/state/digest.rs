//! 64 bits that stand for the values of some fields, to see whether one has changed.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::Arrival;
use crate::Reason;
use crate::payload::{Cell, Kind, number};
use crate::transform::{Field, to_double};

/// Of the values of fields; `21` and `21.0` are the same value, a missing field is one of its own.
///
/// # Errors
/// A field stands twice.
#[inline]
pub(crate) fn digest(fields: &[Field], arrival: &Arrival<'_>) -> Result<u64, Reason> {
    if fields.is_empty() {
        return Ok(0);
    }
    let mut hasher = FixedState::with_seed(0x6368_616E_6765).build_hasher();
    for field in fields {
        feed(&mut hasher, arrival.cell(field), arrival)?;
    }
    Ok(hasher.finish())
}

/// Of bytes.
#[inline]
pub(crate) fn digest_bytes(bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0x6368_616E_6765).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

fn feed(hasher: &mut impl Hasher, cell: Cell, arrival: &Arrival<'_>) -> Result<(), Reason> {
    let payload = arrival.scope.inputs.payload;
    match cell {
        Cell::Missing => hasher.write_u8(0),
        Cell::Duplicate => return Err(Reason::DuplicateKey),
        Cell::Null => hasher.write_u8(1),
        Cell::Bool(value) => hasher.write_u8(2 + u8::from(value)),
        Cell::Int(_) | Cell::UInt(_) | Cell::Double(_) => feed_number(hasher, cell),
        Cell::Raw(raw) => match raw.kind {
            Kind::Null => hasher.write_u8(1),
            Kind::False => hasher.write_u8(2),
            Kind::True => hasher.write_u8(3),
            Kind::Integer | Kind::Decimal => match number::read(payload, raw) {
                Ok(number) => feed_number(hasher, number),
                // Beyond what arithmetic can hold: the text counts.
                Err(_) => feed_text(hasher, raw.span().of(payload)),
            },
            Kind::Text => feed_text(hasher, crate::payload::text::inner(payload, raw)),
            Kind::EscapedText | Kind::Object | Kind::Array => {
                hasher.write_u8(6);
                hasher.write(raw.span().of(payload));
            }
        },
        Cell::Text(_) | Cell::Topic(_) | Cell::Literal(_) => feed_text(hasher, arrival.scope.str(cell)?.as_bytes()),
        Cell::Composite | Cell::List(_) | Cell::Map(_) | Cell::Time(..) | Cell::Duration(_) => {
            return Err(Reason::WrongType);
        }
    }
    Ok(())
}

fn feed_number(hasher: &mut impl Hasher, number: Cell) {
    hasher.write_u8(4);
    match number {
        Cell::Int(value) => hasher.write_i128(i128::from(value)),
        Cell::UInt(value) => hasher.write_i128(i128::from(value)),
        double => feed_double(hasher, to_double(double)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only where it is integral and within 64 bits")]
fn feed_double(hasher: &mut impl Hasher, value: f64) {
    if value.fract() == 0.0 && value.abs() < 9.0e18 {
        hasher.write_i128(i128::from(value as i64));
    } else {
        hasher.write_u64(value.to_bits());
    }
}

fn feed_text(hasher: &mut impl Hasher, text: &[u8]) {
    hasher.write_u8(5);
    hasher.write(text);
    hasher.write_u8(0xFF);
}
