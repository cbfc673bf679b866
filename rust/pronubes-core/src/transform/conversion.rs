//! Conversions between units: a line, computed so that what comes out is the double nearest to the exact result.
//!
//! Plants write `21.5` and mean the decimal, not the double next to it: `273.16` K are `0.01` Cel, where doubles alone
//! would give `0.010000000000047748`. So a number of up to 15 digits stays an integer over a power of ten, and the line
//! is a ratio of integers: as long as both sides of the last division fit into 53 bits, that division is the only
//! rounding. Longer numbers are read as doubles, and the line then has twice their digits. No unit is known here: whoever
//! writes the specification has worked the lines out.

use std::collections::HashMap;

use super::value::{double_in, finite, integer, number_in};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::payload::{Cell, number};
use crate::spec::{ConversionSpec, LinearSpec};

/// Integers up to here are exact as `f64`.
const EXACT: i64 = 1 << 53;

/// How a number of one unit becomes one of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversion {
    ratio: Option<Ratio>,
    factor: Long,
    offset: Long,
    dimension: Option<[i32; 7]>,
}

/// `(factor * value + offset) / divisor`
#[derive(Clone, Copy, Debug)]
struct Ratio {
    factor: i64,
    offset: i64,
    divisor: i64,
}

/// A number with about 32 digits: the sum of two doubles.
#[derive(Clone, Copy, Debug)]
struct Long {
    high: f64,
    low: f64,
}

impl Conversion {
    /// From a unit to itself: the value stays as it is written.
    pub(super) const fn same(dimension: Option<[i32; 7]>) -> Self {
        let (one, zero) = (Long { high: 1.0, low: 0.0 }, Long { high: 0.0, low: 0.0 });
        let ratio = Some(Ratio { factor: 1, offset: 0, divisor: 1 });
        Self { ratio, factor: one, offset: zero, dimension }
    }

    fn new(spec: &ConversionSpec) -> Result<Self, Box<SpecError>> {
        let dimension = spec.dimension;
        match (spec.ratio, spec.linear) {
            (Some([factor, offset, divisor]), None) => {
                let bits = -EXACT..=EXACT;
                if factor == 0 || divisor <= 0 || [factor, offset, divisor].iter().any(|part| !bits.contains(part)) {
                    let error = SpecError::new("The ratio is none.");
                    let found = format!("{factor}, {offset}, {divisor}");
                    let expected = "three integers of at most 53 bits, the first not 0, the last above 0";
                    return Err(Box::new(error.expected(found, expected)));
                }
                let (of_factor, of_offset) = (Long::quotient(factor, divisor), Long::quotient(offset, divisor));
                let ratio = Some(Ratio { factor, offset, divisor });
                Ok(Self { ratio, factor: of_factor, offset: of_offset, dimension })
            }
            (None, Some(LinearSpec { factor, offset })) => {
                let long = |[high, low]: [f64; 2]| Long { high, low };
                Ok(Self { ratio: None, factor: long(factor), offset: long(offset), dimension })
            }
            _ => Err(SpecError::new("A conversion is computed in one way.")
                .expected("", "either `ratio` or `linear`")
                .into()),
        }
    }

    /// What the units measure.
    pub(crate) const fn dimension(&self) -> Option<[i32; 7]> {
        self.dimension
    }

    /// The number in the other unit. Integers stay integers where the line is one of integers.
    #[inline]
    pub(crate) fn apply(&self, cell: Cell, payload: &[u8]) -> Result<Cell, Reason> {
        let Some(ratio) = &self.ratio else { return self.apply_long(cell, payload) };
        if let Cell::Raw(raw) = cell
            && let Some((digits, decimals)) = number::digits(payload, raw)
            && let Some(value) = ratio.apply(digits, decimals)
        {
            return Ok(value);
        }
        self.apply_number(ratio, cell, payload)
    }

    #[inline(never)]
    fn apply_number(&self, ratio: &Ratio, cell: Cell, payload: &[u8]) -> Result<Cell, Reason> {
        let number = number_in(cell, payload)?;
        if ratio.is_nothing() {
            return Ok(cell);
        }
        let whole = match number {
            Cell::Int(value) => i128::from(value),
            Cell::UInt(value) => i128::from(value),
            _ => return self.apply_long(number, payload),
        };
        match ratio.divisor {
            1 => integer(whole * i128::from(ratio.factor) + i128::from(ratio.offset)),
            _ => i64::try_from(whole)
                .ok()
                .and_then(|whole| ratio.apply(whole, 0))
                .map_or_else(|| self.apply_long(number, payload), Ok),
        }
    }

    /// On doubles: the line has twice their digits, so the last addition is the only rounding that is seen.
    fn apply_long(&self, cell: Cell, payload: &[u8]) -> Result<Cell, Reason> {
        let value = double_in(cell, payload)?;
        let product = value * self.factor.high;
        let rest = value.mul_add(self.factor.high, -product) + value * self.factor.low;
        let sum = product + self.offset.high;
        let carried = sum - product;
        let lost = (product - (sum - carried)) + (self.offset.high - carried);
        finite(sum + (lost + (rest + self.offset.low)))
    }
}

impl Ratio {
    const fn is_nothing(&self) -> bool {
        self.factor == 1 && self.offset == 0 && self.divisor == 1
    }

    /// The result for digits of which so many stand behind the point, where one division gives it.
    #[inline]
    fn apply(&self, digits: i64, decimals: u32) -> Option<Cell> {
        const POWERS: [i64; 16] = powers();
        if self.is_nothing() {
            return None;
        }
        let power = *POWERS.get(decimals as usize)?;
        let above = digits.checked_mul(self.factor)?.checked_add(self.offset.checked_mul(power)?)?;
        if decimals == 0 && self.divisor == 1 {
            return Some(Cell::Int(above));
        }
        let below = self.divisor.checked_mul(power)?;
        if above.unsigned_abs() > EXACT.unsigned_abs() || below > EXACT {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "both have at most 53 bits")]
        Some(Cell::Double(above as f64 / below as f64))
    }
}

const fn powers() -> [i64; 16] {
    let mut powers = [1; 16];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
}

impl Long {
    /// The quotient of two integers that doubles hold exactly.
    #[expect(clippy::cast_precision_loss, reason = "both have at most 53 bits")]
    fn quotient(above: i64, below: i64) -> Self {
        let (above, below) = (above as f64, below as f64);
        let high = above / below;
        Self { high, low: (-high).mul_add(below, above) / below }
    }
}

/// The conversions of a specification.
#[derive(Debug, Default)]
pub(crate) struct Conversions(HashMap<(Box<str>, Box<str>), Conversion>);

impl Conversions {
    /// Checks them all.
    pub(crate) fn compile(specs: &[ConversionSpec]) -> Result<Self, Vec<SpecError>> {
        let (mut found, mut errors) = (HashMap::with_capacity(specs.len()), Vec::new());
        for (index, spec) in specs.iter().enumerate() {
            let at: [PathPart; 1] = [index.into()];
            match Conversion::new(spec) {
                Ok(conversion) => {
                    found.insert((spec.from.as_str().into(), spec.to.as_str().into()), conversion);
                }
                Err(error) => errors.push(error.below(&at)),
            }
        }
        if errors.is_empty() { Ok(Self(found)) } else { Err(errors) }
    }

    /// How one unit becomes another.
    pub(super) fn find(&self, from: &str, to: &str) -> Option<Conversion> {
        let known = self.0.get(&(from.into(), to.into())).copied();
        known.or_else(|| (from == to).then(|| Conversion::same(self.dimension_of(to))))
    }

    fn dimension_of(&self, unit: &str) -> Option<[i32; 7]> {
        self.0.iter().find(|((_, to), _)| **to == *unit).and_then(|(_, conversion)| conversion.dimension)
    }
}
