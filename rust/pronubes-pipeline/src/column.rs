//! Columns in Arrow's layout: data, validity bitmap, offsets.

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 64-bit floating point.
    F64,
    /// 64-bit integer.
    I64,
    /// One byte per row, 0 or 1.
    Bool,
    /// UTF-8 text.
    Text,
    /// A JSON value's text as it stands in the payload.
    Json,
    /// Bytes.
    Binary,
}

impl Dtype {
    /// Every type with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::F64, "f64"),
        (Self::I64, "i64"),
        (Self::Bool, "bool"),
        (Self::Text, "text"),
        (Self::Json, "json"),
        (Self::Binary, "binary"),
    ];

    /// The type of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(dtype, _)| *dtype)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(dtype, _)| *dtype == self).map_or("", |(_, name)| name)
    }

    fn has_offsets(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Binary)
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What the values are.
    pub dtype: Dtype,
    /// Fixed-size values side by side, or the bytes of all rows.
    pub data: Vec<u8>,
    /// One bit per row, least significant first; empty when no row is null.
    pub validity: Vec<u8>,
    /// Rows + 1 signed 32-bit offsets for types of variable size, little endian.
    pub offsets: Vec<u8>,
    /// How many rows there are.
    pub len: usize,
    /// How many of them are null.
    pub nulls: usize,
}

/// One value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Nothing.
    Null,
    /// A number.
    F64(f64),
    /// An integer.
    I64(i64),
    /// A truth value.
    Bool(bool),
    /// Text or JSON.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl Column {
    /// An empty column with room for `rows`.
    #[must_use]
    pub fn new(dtype: Dtype, rows: usize) -> Self {
        let width = if dtype == Dtype::Bool { 1 } else { 8 };
        let mut column = Self {
            dtype,
            data: Vec::with_capacity(rows * width),
            validity: Vec::new(),
            offsets: Vec::new(),
            len: 0,
            nulls: 0,
        };
        if dtype.has_offsets() {
            column.offsets.reserve(4 * (rows + 1));
            column.offsets.extend_from_slice(&0_i32.to_le_bytes());
        }
        column
    }

    /// Adds a number.
    pub fn push_f64(&mut self, value: Option<f64>) {
        self.data.extend_from_slice(&value.unwrap_or(f64::NAN).to_le_bytes());
        self.end_row(value.is_some());
    }

    /// Adds an integer.
    pub fn push_i64(&mut self, value: Option<i64>) {
        self.data.extend_from_slice(&value.unwrap_or(0).to_le_bytes());
        self.end_row(value.is_some());
    }

    /// Adds a truth value.
    pub fn push_bool(&mut self, value: Option<bool>) {
        self.data.push(u8::from(value.unwrap_or(false)));
        self.end_row(value.is_some());
    }

    /// Adds text or bytes. Beyond 2 GiB in one column a row becomes null: its offset could not be said.
    pub fn push_bytes(&mut self, value: Option<&[u8]>) {
        let value = value.filter(|bytes| i32::try_from(self.data.len() + bytes.len()).is_ok());
        self.data.extend_from_slice(value.unwrap_or_default());
        let end = i32::try_from(self.data.len()).unwrap_or(i32::MAX);
        self.offsets.extend_from_slice(&end.to_le_bytes());
        self.end_row(value.is_some());
    }

    fn end_row(&mut self, is_valid: bool) {
        let row = self.len;
        self.len += 1;
        if !is_valid {
            self.nulls += 1;
            if self.validity.is_empty() {
                // The first null: all rows before it are valid.
                self.validity.resize(row / 8 + 1, 0xFF);
                self.validity[row / 8] = ((1_u16 << (row % 8)) - 1) as u8;
                return;
            }
        }
        if !self.validity.is_empty() {
            if self.validity.len() <= row / 8 {
                self.validity.push(0);
            }
            self.validity[row / 8] |= u8::from(is_valid) << (row % 8);
        }
    }

    /// Whether a row has a value.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.is_empty() || self.validity.get(row / 8).is_some_and(|bits| bits >> (row % 8) & 1 == 1)
    }

    /// The value of a row; null outside of the column.
    #[must_use]
    pub fn get(&self, row: usize) -> Scalar<'_> {
        if row >= self.len || !self.is_valid(row) {
            return Scalar::Null;
        }
        let fixed = || self.data.get(8 * row..).and_then(<[u8]>::first_chunk::<8>).copied().unwrap_or_default();
        match self.dtype {
            Dtype::F64 => Scalar::F64(f64::from_le_bytes(fixed())),
            Dtype::I64 => Scalar::I64(i64::from_le_bytes(fixed())),
            Dtype::Bool => Scalar::Bool(self.data.get(row).is_some_and(|byte| *byte != 0)),
            Dtype::Text | Dtype::Json => Scalar::Text(std::str::from_utf8(self.bytes(row)).unwrap_or_default()),
            Dtype::Binary => Scalar::Binary(self.bytes(row)),
        }
    }

    fn bytes(&self, row: usize) -> &[u8] {
        let offset = |at: usize| {
            let bytes = self.offsets.get(4 * at..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
            usize::try_from(i32::from_le_bytes(bytes)).unwrap_or_default()
        };
        self.data.get(offset(row)..offset(row + 1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_absent_until_the_first_null_and_exact_from_then_on() {
        for first_null in 0..20 {
            let mut column = Column::new(Dtype::I64, 0);
            let expected: Vec<Option<i64>> =
                (0..20).map(|row| (row < first_null || row % 3 == 0).then_some(row)).collect();
            for value in &expected {
                column.push_i64(*value);
            }
            let got: Vec<Option<i64>> = (0..20)
                .map(|row| match column.get(row) {
                    Scalar::I64(value) => Some(value),
                    _ => None,
                })
                .collect();
            assert_eq!(got, expected);
            assert_eq!(column.nulls, expected.iter().filter(|value| value.is_none()).count());
            assert_eq!(column.validity.len(), if column.nulls == 0 { 0 } else { 3 });
        }
    }

    #[test]
    fn text_has_offsets_also_around_nulls() {
        let mut column = Column::new(Dtype::Text, 3);
        for value in [Some("ab"), None, Some("c")] {
            column.push_bytes(value.map(str::as_bytes));
        }
        let offsets: Vec<i32> =
            column.offsets.chunks(4).map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!((offsets, column.data.as_slice()), (vec![0, 2, 2, 3], &b"abc"[..]));
        assert_eq!([0, 1, 2].map(|row| column.get(row)), [Scalar::Text("ab"), Scalar::Null, Scalar::Text("c")]);
    }
}
