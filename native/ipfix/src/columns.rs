//! Values of one record kind in, one Arrow record batch out: a column a field, reverse twins included, null where absent.
//!
//! `u64` is `UInt64`, exactly as on the wire; time is `Int64` Unix nanoseconds; an address is its text; a histogram is `Binary`, and so
//! are the records of a list.

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, UInt16Builder, UInt32Builder, UInt64Builder,
    UInt8Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::message::unsigned;
use crate::table::{Record, Type};
use crate::time::from_ntp;

/// One value as it goes into a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Any unsigned integer.
    Unsigned(u64),
    /// A signed integer, or a time in Unix nanoseconds.
    Signed(i64),
    /// A float.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// UTF-8 text.
    Text(&'a str),
    /// Octets, or the octets of a histogram.
    Octets(&'a [u8]),
    /// An address of either family.
    Address(IpAddr),
}

impl<'a> Value<'a> {
    /// The value that octets on the wire stand for; reduced-size integers (RFC 7011, 6.2) included. The error is the reason.
    pub fn read(kind: Type, octets: &'a [u8]) -> Result<Self, &'static str> {
        match kind {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
                let bits = 8 * kind.full_length().map_or(0, u32::from);
                let value = integer(octets)?;
                if bits < 64 && value >> bits != 0 {
                    return Err("number too large for its type");
                }
                Ok(Self::Unsigned(value))
            }
            Type::I64 => {
                let unused = 64 - 8 * octets.len().clamp(1, 8) as u32;
                integer(octets).map(|value| Self::Signed((value << unused) as i64 >> unused))
            }
            Type::Time if octets.len() == 8 => Ok(Self::Signed(from_ntp(unsigned(octets)))),
            Type::Time => Err("a time has 8 octets"),
            Type::F64 => match octets.len() {
                4 => Ok(Self::Float(f64::from(f32::from_bits(unsigned(octets) as u32)))),
                8 => Ok(Self::Float(f64::from_bits(unsigned(octets)))),
                _ => Err("a float has 4 or 8 octets"),
            },
            Type::Bool => match octets {
                [1] => Ok(Self::Bool(true)),
                [2] => Ok(Self::Bool(false)),
                _ => Err("a boolean is one octet, 1 or 2"),
            },
            Type::String => std::str::from_utf8(octets).map(Self::Text).map_err(|_| "text is not UTF-8"),
            Type::Octets | Type::Hist | Type::List => Ok(Self::Octets(octets)),
            Type::Address => match octets.len() {
                4 => Ok(Self::Address(IpAddr::from(<[u8; 4]>::try_from(octets).unwrap_or_default()))),
                16 => Ok(Self::Address(IpAddr::from(<[u8; 16]>::try_from(octets).unwrap_or_default()))),
                _ => Err("an address has 4 or 16 octets"),
            },
        }
    }
}

fn integer(octets: &[u8]) -> Result<u64, &'static str> {
    if octets.is_empty() || octets.len() > 8 {
        return Err("a number has 1 to 8 octets");
    }
    Ok(unsigned(octets))
}

enum Column {
    U8(UInt8Builder),
    U16(UInt16Builder),
    U32(UInt32Builder),
    U64(UInt64Builder),
    I64(Int64Builder),
    F64(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Octets(BinaryBuilder),
}

/// Runs `$body` with `$b` bound to the builder, whatever its type.
macro_rules! each {
    ($column:expr, $b:ident => $body:expr) => {
        match $column {
            Column::U8($b) => $body,
            Column::U16($b) => $body,
            Column::U32($b) => $body,
            Column::U64($b) => $body,
            Column::I64($b) => $body,
            Column::F64($b) => $body,
            Column::Bool($b) => $body,
            Column::Text($b) => $body,
            Column::Octets($b) => $body,
        }
    };
}

impl Column {
    fn new(kind: Type) -> Self {
        match kind {
            Type::U8 => Self::U8(UInt8Builder::new()),
            Type::U16 => Self::U16(UInt16Builder::new()),
            Type::U32 => Self::U32(UInt32Builder::new()),
            Type::U64 => Self::U64(UInt64Builder::new()),
            Type::I64 | Type::Time => Self::I64(Int64Builder::new()),
            Type::F64 => Self::F64(Float64Builder::new()),
            Type::Bool => Self::Bool(BooleanBuilder::new()),
            Type::String | Type::Address => Self::Text(StringBuilder::new()),
            Type::Octets | Type::Hist | Type::List => Self::Octets(BinaryBuilder::new()),
        }
    }

    fn push<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) {
        match self {
            Self::U8(b) => values.for_each(|v| b.append_option(small(v))),
            Self::U16(b) => values.for_each(|v| b.append_option(small(v))),
            Self::U32(b) => values.for_each(|v| b.append_option(small(v))),
            Self::U64(b) => values.for_each(|v| b.append_option(small::<u64>(v))),
            Self::I64(b) => values.for_each(|v| b.append_option(if let Value::Signed(n) = v { Some(n) } else { None })),
            Self::F64(b) => values.for_each(|v| b.append_option(if let Value::Float(n) = v { Some(n) } else { None })),
            Self::Bool(b) => values.for_each(|v| b.append_option(if let Value::Bool(n) = v { Some(n) } else { None })),
            Self::Text(b) => values.for_each(|v| match v {
                Value::Text(text) => b.append_value(text),
                Value::Address(address) => {
                    use std::fmt::Write as _;
                    // Writing into the builder cannot fail; the empty value ends what was written.
                    let _ = write!(b, "{address}");
                    b.append_value("");
                }
                _ => b.append_null(),
            }),
            Self::Octets(b) => values.for_each(|v| b.append_option(if let Value::Octets(o) = v { Some(o) } else { None })),
        }
    }
}

fn small<T: TryFrom<u64>>(value: Value<'_>) -> Option<T> {
    if let Value::Unsigned(number) = value {
        T::try_from(number).ok()
    } else {
        None
    }
}

/// Grows the columns of one record kind.
pub struct Columns {
    record: &'static Record,
    builders: Vec<Column>,
    rows: usize,
}

impl Columns {
    /// Empty columns of a record.
    #[must_use]
    pub fn new(record: &'static Record) -> Self {
        Self {
            record,
            builders: record.columns.iter().map(|column| Column::new(column.kind)).collect(),
            rows: 0,
        }
    }

    /// Which record.
    #[must_use]
    pub const fn record(&self) -> &'static Record {
        self.record
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Add rows: `values` holds them one after the other, `targets` says which column each value of a row belongs to.
    pub fn push(&mut self, targets: &[usize], values: &[Value<'_>]) {
        if targets.is_empty() {
            return;
        }
        let rows = values.len() / targets.len();
        for (number, column) in self.builders.iter_mut().enumerate() {
            match targets.iter().position(|&target| target == number) {
                Some(place) => column.push(values.iter().skip(place).step_by(targets.len()).copied()),
                None => each!(column, builder => builder.append_nulls(rows)),
            }
        }
        self.rows += rows;
    }

    /// The columns as a record batch.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let arrays = self
            .builders
            .iter_mut()
            .map(|column| each!(column, b => Arc::new(b.finish()) as ArrayRef))
            .collect();
        RecordBatch::try_new(schema(self.record), arrays)
    }
}

/// The Arrow schema of a record; every column may be null.
#[must_use]
pub fn schema(record: &Record) -> SchemaRef {
    let field = |column: &crate::table::Column| {
        let kind = match column.kind {
            Type::U8 => DataType::UInt8,
            Type::U16 => DataType::UInt16,
            Type::U32 => DataType::UInt32,
            Type::U64 => DataType::UInt64,
            Type::I64 | Type::Time => DataType::Int64,
            Type::F64 => DataType::Float64,
            Type::Bool => DataType::Boolean,
            Type::String | Type::Address => DataType::Utf8,
            Type::Octets | Type::Hist | Type::List => DataType::Binary,
        };
        Field::new(column.name, kind, true)
    };
    Arc::new(Schema::new(record.columns.iter().map(field).collect::<Vec<_>>()))
}
