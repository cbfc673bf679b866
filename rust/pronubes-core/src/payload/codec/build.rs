//! JSON as binary formats that are built alike: a count in front of the members, a length in front of text.

use super::read::{Reader, Token, integer};
use super::{CodecWork, Head};
use crate::Reason;
use crate::payload::limits::Fault;
use crate::payload::number;

/// How a format writes the parts of JSON.
pub(super) trait Form {
    /// The head of an object or array; how many bytes it has, one at least.
    fn head(is_object: bool, members: u32, out: &mut [u8; 9]) -> usize;
    /// A text, as a key or a value.
    fn text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Reason>;
    /// An integer between -2^64 and 2^64 - 1.
    fn integer(out: &mut Vec<u8>, value: i128) -> Result<(), Reason>;
    /// A finite double.
    fn double(out: &mut Vec<u8>, value: f64);
    /// `true`, `false` or, without either, `null`.
    fn word(value: Option<bool>) -> u8;
}

/// Appends what the JSON says, in the form `F`.
pub(super) fn encode<F: Form>(json: &[u8], work: &mut CodecWork, out: &mut Vec<u8>) -> Result<(), Fault> {
    work.heads.clear();
    let mut reader = Reader::new(json, &mut work.open, &mut work.stack);
    while let Some(token) = reader.next()? {
        let written = match token {
            Token::Object | Token::Array => {
                count(&mut work.heads);
                work.heads.push(Head { at: out.len(), count: 0, is_object: token == Token::Object });
                out.push(0);
                continue;
            }
            Token::Close => {
                if let Some(head) = work.heads.pop() {
                    close::<F>(head, out);
                }
                continue;
            }
            Token::Key(key) => {
                F::text(out, key.text(&mut work.text)).map_err(|reason| reader.fault(reason))?;
                continue;
            }
            Token::Text(value) => F::text(out, value.text(&mut work.text)),
            Token::Integer(written) => integer(written).and_then(|value| F::integer(out, value)),
            Token::Decimal(written) => number::parse_f64(written).map(|value| F::double(out, value)),
            Token::True | Token::False | Token::Null => {
                out.push(F::word((token != Token::Null).then_some(token == Token::True)));
                Ok(())
            }
        };
        written.map_err(|reason| reader.fault(reason))?;
        count(&mut work.heads);
    }
    Ok(())
}

/// Counts a value where it stands inside of another.
fn count(heads: &mut [Head]) {
    if let Some(head) = heads.last_mut() {
        head.count += 1;
    }
}

/// Writes the count of an array or map into its head: one byte is there, more are made by moving what is behind it.
fn close<F: Form>(head: Head, out: &mut Vec<u8>) {
    let mut written = [0; 9];
    let length = F::head(head.is_object, head.count, &mut written);
    super::insert(out, head.at, &written[..length]);
}
