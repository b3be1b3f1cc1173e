//! Rows of one record kind in, IPFIX messages out.
//!
//! Absent is absent on the wire: each set of present fields has a template of its own, chosen while the row is written, and no value
//! stands for "none". A message carries every template it uses, so messages can be concatenated in any order. Rows of one template
//! stay in order; rows of different templates do not. Refuses to know what the values mean.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use crate::message::{close_message, open_message, put_set, MAX_MESSAGE, MESSAGE_HEADER, SET_HEADER, TEMPLATE_SET, VARIABLE};
use crate::table::{Column, Record, Type, ENTERPRISE_NUMBER, RECORD_KIND};
use crate::time::to_ntp;

/// Template ids of a kind are `kind << 12` and the 4,095 after it, so that kinds cannot be taken for one another. The last one is
/// that of the records in a list.
const KIND_SHIFT: u16 = 12;
const IDS_OF_A_KIND: u64 = (1 << KIND_SHIFT) - 1;
const LIST_ID: u16 = IDS_OF_A_KIND as u16;
/// Semantic of a list's records (RFC 6313, 4.4): all of them, in order.
const ORDERED: u8 = 4;
const ENTERPRISE_BIT: u16 = 0x8000;

/// A row that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The value does not fit the column's type.
    Value(&'static str, &'static str),
    /// A field that every record of the kind has is absent.
    Missing(&'static str),
    /// The row alone is larger than a message.
    TooLong(usize),
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(name, reason) => write!(f, "{name}: {reason}"),
            Self::Missing(name) => write!(f, "{name}: missing"),
            Self::TooLong(octets) => write!(f, "row of {octets} octets does not fit a message"),
        }
    }
}

impl std::error::Error for RowError {}

/// What decides the template of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Shape {
    present: u128,
    six: u128,
    wide: bool,
}

/// How a column is written under one template.
#[derive(Clone, Copy, Debug)]
enum Step {
    Number(usize, u16),
    Octets(usize),
    Variable(usize),
}

#[derive(Debug)]
struct Open {
    id: u16,
    template: Vec<u8>,
    steps: Vec<Step>,
    data: Vec<u8>,
    records: u32,
}

/// Writes rows: set the columns of a row by number, then `commit` it; `finish` gives the messages.
#[derive(Debug)]
pub struct Encoder {
    record: &'static Record,
    required: u128,
    spread: u128,
    export_s: u32,
    domain: u32,
    sequence: u32,
    shape: Shape,
    numbers: Vec<u64>,
    spans: Vec<(u32, u32)>,
    scratch: Vec<u8>,
    last: Option<(Shape, usize)>,
    known: HashMap<Shape, usize>,
    open: Vec<Open>,
    records: u64,
    out: Vec<u8>,
}

impl Encoder {
    /// An encoder of one record kind. `sequence` is the number of data records sent before (RFC 7011, 3.1); `export_s` Unix seconds.
    #[must_use]
    pub fn new(record: &'static Record, export_s: u32, domain: u32, sequence: u32) -> Self {
        let columns = record.columns.len();
        let spread = record.columns.iter().enumerate().filter(|(_, column)| column.spread);
        Self {
            record,
            required: record.required(),
            spread: spread.fold(0, |mask, (number, _)| mask | 1 << number),
            export_s,
            domain,
            sequence,
            shape: Shape::default(),
            numbers: vec![0; columns],
            spans: vec![(0, 0); columns],
            scratch: Vec::new(),
            last: None,
            known: HashMap::new(),
            open: Vec::new(),
            records: 0,
            out: Vec::new(),
        }
    }

    /// The record this encoder writes.
    #[must_use]
    pub const fn record(&self) -> &'static Record {
        self.record
    }

    /// Rows committed so far.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// An unsigned integer or boolean column. The value must fit the column's type.
    #[inline]
    pub fn set_u64(&mut self, column: usize, value: u64) {
        debug_assert!(self.record.columns[column]
            .kind
            .full_length()
            .is_some_and(|n| n == 8 || value >> (8 * n) == 0));
        self.numbers[column] = value;
        self.shape.present |= 1 << column;
        self.shape.wide |= value >> 32 != 0 && self.spread >> column & 1 == 0 && self.record.columns[column].kind == Type::U64;
    }

    /// A signed integer column.
    #[inline]
    pub fn set_i64(&mut self, column: usize, value: i64) {
        self.numbers[column] = value as u64;
        self.shape.present |= 1 << column;
    }

    /// A float column.
    #[inline]
    pub fn set_f64(&mut self, column: usize, value: f64) {
        self.numbers[column] = value.to_bits();
        self.shape.present |= 1 << column;
    }

    /// A boolean column.
    #[inline]
    pub fn set_bool(&mut self, column: usize, value: bool) {
        self.numbers[column] = if value { 1 } else { 2 };
        self.shape.present |= 1 << column;
    }

    /// A time column, Unix nanoseconds.
    #[inline]
    pub fn set_time(&mut self, column: usize, unix_ns: i64) -> Result<(), RowError> {
        let reason = "a time outside 1968..2104 cannot be told in NTP format";
        self.numbers[column] = to_ntp(unix_ns).ok_or(RowError::Value(self.record.columns[column].name, reason))?;
        self.shape.present |= 1 << column;
        Ok(())
    }

    /// An address column.
    #[inline]
    pub fn set_address(&mut self, column: usize, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                self.shape.six &= !(1 << column);
                self.set_octets(column, &v4.octets());
            }
            IpAddr::V6(v6) => {
                self.shape.six |= 1 << column;
                self.set_octets(column, &v6.octets());
            }
        }
    }

    /// A string, octets or histogram column.
    #[inline]
    pub fn set_octets(&mut self, column: usize, octets: &[u8]) {
        self.spans[column] = (self.scratch.len() as u32, octets.len() as u32);
        self.scratch.extend_from_slice(octets);
        self.shape.present |= 1 << column;
    }

    /// A list column: records one after the other, each of the column's `list_length`.
    pub fn set_list(&mut self, column: usize, records: &[u8]) {
        debug_assert!(records.len() % self.record.columns[column].list_length() == 0);
        self.spans[column] = (self.scratch.len() as u32, records.len() as u32 + 3);
        self.scratch.push(ORDERED);
        self.scratch.extend_from_slice(&self.list_id().to_be_bytes());
        self.scratch.extend_from_slice(records);
        self.shape.present |= 1 << column;
    }

    const fn list_id(&self) -> u16 {
        (self.record.kind as u16) << KIND_SHIFT | LIST_ID
    }

    /// Forget the columns set since the last commit.
    pub fn abandon(&mut self) {
        self.shape = Shape::default();
        self.scratch.clear();
    }

    /// Write the row whose columns were set; on error the row is forgotten and nothing else.
    pub fn commit(&mut self) -> Result<(), RowError> {
        let done = self.write_row();
        self.abandon();
        done
    }

    fn write_row(&mut self) -> Result<(), RowError> {
        let missing = self.required & !self.shape.present;
        if missing != 0 {
            return Err(RowError::Missing(self.record.columns[missing.trailing_zeros() as usize].name));
        }
        let at = self.template_of_row();
        let open = &mut self.open[at];
        let before = open.data.len();
        open.data.push(self.record.kind);
        for &step in &open.steps {
            match step {
                Step::Number(column, length) => {
                    open.data
                        .extend_from_slice(&self.numbers[column].to_be_bytes()[8 - length as usize..]);
                }
                Step::Octets(column) => open.data.extend_from_slice(span(&self.scratch, self.spans[column])),
                Step::Variable(column) => put_variable(&mut open.data, span(&self.scratch, self.spans[column])),
            }
        }
        let frame = MESSAGE_HEADER + open.template.len() + 2 * SET_HEADER;
        if frame + open.data.len() > MAX_MESSAGE {
            let row = open.data.split_off(before);
            if frame + row.len() > MAX_MESSAGE {
                return Err(RowError::TooLong(row.len()));
            }
            self.flush(at..at + 1);
            self.open[at].data.extend_from_slice(&row);
        }
        self.open[at].records += 1;
        self.records += 1;
        Ok(())
    }

    fn template_of_row(&mut self) -> usize {
        if let Some((shape, at)) = self.last {
            if shape == self.shape {
                return at;
            }
        }
        let at = self.known.get(&self.shape).copied().unwrap_or_else(|| self.open_template());
        self.last = Some((self.shape, at));
        at
    }

    fn open_template(&mut self) -> usize {
        let Shape { present, six, wide } = self.shape;
        let id = self.free_id();
        let (mut steps, mut fields) = (Vec::new(), Vec::new());
        put_field(&mut fields, ENTERPRISE_NUMBER, RECORD_KIND, 1);
        let columns = self.record.columns.iter().enumerate();
        for (number, column) in columns.filter(|(number, _)| present >> number & 1 == 1) {
            let (step, length) = step_of(number, column, six >> number & 1 == 1, wide);
            steps.push(step);
            let id = if six >> number & 1 == 1 { column.id6 } else { column.id };
            put_field(&mut fields, column.pen, id, length);
        }
        let mut template = id.to_be_bytes().to_vec();
        template.extend_from_slice(&(steps.len() as u16 + 1).to_be_bytes());
        template.extend_from_slice(&fields);
        let mut lists = self
            .record
            .columns
            .iter()
            .enumerate()
            .filter(|(number, _)| present >> number & 1 == 1);
        if let Some((_, column)) = lists.find(|(_, column)| !column.list.is_empty()) {
            // The template of the list's records stands beside that of the record, in whatever message it is.
            template.extend_from_slice(&self.list_id().to_be_bytes());
            template.extend_from_slice(&(column.list.len() as u16).to_be_bytes());
            for field in column.list {
                put_field(&mut template, field.pen, field.id, field.length);
            }
        }
        self.open.push(Open {
            id,
            template,
            steps,
            data: Vec::new(),
            records: 0,
        });
        self.known.insert(self.shape, self.open.len() - 1);
        self.open.len() - 1
    }

    /// An id derived from the shape, so that the same shape has the same id in every message of a batch whenever possible.
    fn free_id(&self) -> u16 {
        let Shape { present, six, wide } = self.shape;
        let folded = present ^ six.rotate_left(61) ^ u128::from(wide) << 127;
        let mixed = (folded as u64 ^ ((folded >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let base = u16::from(self.record.kind) << KIND_SHIFT;
        let first = mixed >> (64 - KIND_SHIFT);
        let candidates = (0..IDS_OF_A_KIND).map(|step| base | ((first + step) % IDS_OF_A_KIND) as u16);
        // Past 4,095 shapes ids repeat, which is allowed: every message defines what it uses.
        candidates
            .clone()
            .find(|id| self.open.iter().all(|open| open.id != *id))
            .unwrap_or(base)
    }

    /// One message of the given templates with rows waiting.
    fn flush(&mut self, which: std::ops::Range<usize>) {
        let start = open_message(&mut self.out, self.export_s, self.sequence, self.domain);
        for open in self.open[which].iter_mut().filter(|open| open.records > 0) {
            put_set(&mut self.out, TEMPLATE_SET, &open.template);
            put_set(&mut self.out, open.id, &open.data);
            self.sequence = self.sequence.wrapping_add(open.records);
            open.data.clear();
            open.records = 0;
        }
        close_message(&mut self.out, start);
    }

    /// The messages of all rows; empty when there was none.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut first = 0;
        while first < self.open.len() {
            let (mut end, mut length, mut ids) = (first, MESSAGE_HEADER, Vec::new());
            while let Some(open) = self.open.get(end) {
                let more = if open.records > 0 {
                    open.template.len() + open.data.len() + 2 * SET_HEADER
                } else {
                    0
                };
                if length + more > MAX_MESSAGE || ids.contains(&open.id) {
                    break;
                }
                length += more;
                ids.push(open.id);
                end += 1;
            }
            if length > MESSAGE_HEADER {
                self.flush(first..end);
            }
            first = end;
        }
        self.out
    }
}

fn span(scratch: &[u8], (start, length): (u32, u32)) -> &[u8] {
    &scratch[start as usize..(start + length) as usize]
}

fn step_of(number: usize, column: &Column, six: bool, wide: bool) -> (Step, u16) {
    match column.kind {
        Type::Address => (Step::Octets(number), if six { 16 } else { 4 }),
        Type::String | Type::Octets | Type::Hist | Type::List => (Step::Variable(number), VARIABLE),
        Type::U64 if !wide && !column.spread => (Step::Number(number, 4), 4),
        kind => {
            let length = kind.full_length().unwrap_or(8);
            (Step::Number(number, length), length)
        }
    }
}

fn put_field(out: &mut Vec<u8>, pen: u32, id: u16, length: u16) {
    let bit = if pen == 0 { 0 } else { ENTERPRISE_BIT };
    out.extend_from_slice(&(id | bit).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    if pen != 0 {
        out.extend_from_slice(&pen.to_be_bytes());
    }
}

/// Length before the value (RFC 7011, 7): one octet below 255, else 255 and two.
fn put_variable(out: &mut Vec<u8>, octets: &[u8]) {
    if octets.len() < 255 {
        out.push(octets.len() as u8);
    } else {
        out.push(255);
        out.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    }
    out.extend_from_slice(octets);
}
