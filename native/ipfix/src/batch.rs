//! The batch file (`docs/explanation/architecture.md`): one header message, data messages, one seal message.
//!
//! The seal tells length and CRC-32C of everything before it, so a torn or damaged file is known before anything of it is believed.

use crate::decode::{count_records, Decoder, Templates};
use crate::encode::{Encoder, RowError};
use crate::message::{Malformed, Message, MESSAGE_HEADER};
use crate::table::{seal, Record};

/// A batch larger than this is refused: Arrow's text columns count octets in 31 bits.
pub const MAX_BATCH: usize = 1 << 28;

const HEADER: &str = "batch";
const SEAL: &str = "seal";

/// A batch whose seal holds.
#[derive(Debug)]
pub struct Sealed<'a> {
    /// The message with the `batch` record.
    pub header: Message<'a>,
    /// The messages between header and seal.
    pub data: Vec<Message<'a>>,
}

/// Check frames and seal of a batch file.
pub fn open(octets: &[u8]) -> Result<Sealed<'_>, Malformed> {
    if octets.len() > MAX_BATCH {
        return Err(Malformed::at(
            MAX_BATCH,
            format!("batch of {} octets, at most {MAX_BATCH}", octets.len()),
        ));
    }
    let mut messages = messages(octets)?;
    let Some(last) = messages.pop().filter(|_| !messages.is_empty()) else {
        return Err(Malformed::at(0, "header or seal message is missing"));
    };
    check_seal(octets, &last)?;
    Ok(Sealed {
        header: messages.remove(0),
        data: messages,
    })
}

fn messages(octets: &[u8]) -> Result<Vec<Message<'_>>, Malformed> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        let message = Message::read(octets, at)?;
        at += message.octets.len();
        found.push(message);
    }
    Ok(found)
}

fn check_seal(octets: &[u8], last: &Message<'_>) -> Result<(), Malformed> {
    let at = last.offset;
    let numbers = single_row(last, SEAL)?;
    let number = |column: usize| numbers.get(column).copied().flatten().unwrap_or(0);
    if number(seal::BATCH_OCTETS) != at as u64 {
        return Err(Malformed::at(
            at,
            format!("seal speaks of {} octets, {at} are before it", number(seal::BATCH_OCTETS)),
        ));
    }
    let found = crc32c::crc32c(&octets[..at]);
    if number(seal::BATCH_CRC32C) != u64::from(found) {
        return Err(Malformed::at(
            at,
            format!("seal says CRC-32C {:08x}, found {found:08x}", number(seal::BATCH_CRC32C)),
        ));
    }
    Ok(())
}

/// The unsigned numbers of a message that holds one record of a kind and nothing else.
fn single_row(message: &Message<'_>, name: &'static str) -> Result<Vec<Option<u64>>, Malformed> {
    use arrow_array::{cast::AsArray, types::UInt32Type, types::UInt64Type, Array};
    let batch = single(message, name)?;
    let number = |column: &dyn Array| {
        let wide = column.as_primitive_opt::<UInt64Type>().map(|values| values.value(0));
        wide.or_else(|| {
            column
                .as_primitive_opt::<UInt32Type>()
                .map(|values| u64::from(values.value(0)))
        })
    };
    Ok(batch.columns().iter().map(|column| number(column.as_ref())).collect())
}

/// The columns of a message that holds one record of a kind and nothing else.
fn single(message: &Message<'_>, name: &'static str) -> Result<arrow_array::RecordBatch, Malformed> {
    let mut reader = Decoder::new();
    reader.message(message);
    let (mut decoded, problems) = reader
        .finish()
        .map_err(|wrong| Malformed::at(message.offset, wrong.to_string()))?;
    if let Some(problem) = problems.first() {
        return Err(Malformed::at(message.offset, format!("no {name} record: {problem}")));
    }
    match decoded.pop() {
        Some(only) if decoded.is_empty() && only.record.name == name && only.batch.num_rows() == 1 => Ok(only.batch),
        _ => Err(Malformed::at(message.offset, format!("not one {name} record"))),
    }
}

/// The columns of the one `batch` record of a header message.
pub fn header_row(header: &Message<'_>) -> Result<arrow_array::RecordBatch, Malformed> {
    single(header, HEADER)
}

/// Sequence and number of the data records of `messages`, written into their headers so that they count from 1 (0 is the header's).
pub fn number_messages(messages_octets: &mut [u8]) -> Result<u64, Malformed> {
    let (mut templates, mut counts, mut records) = (Templates::new(), Vec::new(), 0u64);
    for message in messages(messages_octets)? {
        counts.push((message.offset, records as u32 + 1));
        records += u64::from(count_records(&message, &mut templates)?);
    }
    for (offset, sequence) in counts {
        messages_octets[offset + 8..offset + 12].copy_from_slice(&sequence.to_be_bytes());
    }
    Ok(records)
}

/// The batch file: header message (already encoded), numbered data messages, seal. `records` are those between header and seal.
pub fn seal_file(header: &[u8], data: &[u8], records: u64, export_s: u32) -> Result<Vec<u8>, RowError> {
    let mut out = Vec::with_capacity(header.len() + data.len() + 8 * MESSAGE_HEADER);
    out.extend_from_slice(header);
    out.extend_from_slice(data);
    if out.len() > MAX_BATCH {
        return Err(RowError::TooLong(out.len()));
    }
    let record = Record::named(SEAL).ok_or(RowError::Missing(SEAL))?;
    let mut encoder = Encoder::new(record, export_s, 0, records as u32 + 1);
    encoder.set_u64(seal::BATCH_OCTETS, out.len() as u64);
    encoder.set_u64(seal::BATCH_CRC32C, u64::from(crc32c::crc32c(&out)));
    encoder.commit()?;
    out.extend_from_slice(&encoder.finish());
    Ok(out)
}

/// Whether a record is part of the file itself and no data.
#[must_use]
pub fn is_frame(record: &Record) -> bool {
    record.name == HEADER || record.name == SEAL
}

/// CRC-32C (Castagnoli).
#[must_use]
pub fn checksum(octets: &[u8]) -> u32 {
    crc32c::crc32c(octets)
}
