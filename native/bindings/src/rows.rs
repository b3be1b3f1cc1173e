//! Python mappings in, rows of an encoder out; columns of one row back into a mapping.

use std::net::IpAddr;

use ipfix::encode::Encoder;
use ipfix::table::{Column, Type};
use ipfix::Record;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyMapping, PyString};

/// The record of a kind of the field table.
pub fn record_named(kind: &str) -> PyResult<&'static Record> {
    Record::named(kind).ok_or_else(|| {
        let known: Vec<_> = ipfix::table::RECORDS.iter().map(|record| record.name).collect();
        PyValueError::new_err(format!("no record kind {kind:?}; there are {}", known.join(", ")))
    })
}

/// Write one mapping as a row. The error says which row and field.
pub fn write_row(encoder: &mut Encoder, number: usize, row: &Bound<'_, PyAny>) -> PyResult<()> {
    let record = encoder.record();
    let wrong = |what: String| PyValueError::new_err(format!("row {number} of {}: {what}", record.name));
    let done = row.cast::<PyMapping>().map_err(PyErr::from).and_then(|mapping| {
        for item in mapping.items()?.iter() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let name = key.cast::<PyString>()?.to_cow()?;
            let column = record
                .column_named(&name)
                .ok_or_else(|| wrong(format!("{name}: no such field")))?;
            if !value.is_none() {
                set(encoder, column, &value).map_err(|reason| wrong(format!("{name}: {reason}")))?;
            }
        }
        encoder.commit().map_err(|reason| wrong(reason.to_string()))
    });
    if done.is_err() {
        encoder.abandon();
    }
    done
}

fn set(encoder: &mut Encoder, number: usize, value: &Bound<'_, PyAny>) -> Result<(), String> {
    let column = &encoder.record().columns[number];
    let kind = column.kind;
    match kind {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => encoder.set_u64(number, unsigned(column, value)?),
        Type::I64 => encoder.set_i64(number, signed(value)?),
        Type::Time => encoder.set_time(number, signed(value)?).map_err(|wrong| wrong.to_string())?,
        Type::F64 => {
            let known = value.is_instance_of::<PyFloat>() || is_integer(value);
            let value = value
                .extract::<f64>()
                .ok()
                .filter(|_| known)
                .ok_or_else(|| expected("a float", value))?;
            encoder.set_f64(number, value);
        }
        Type::Bool => encoder.set_bool(
            number,
            value.cast::<PyBool>().map_err(|_| expected("a bool", value))?.is_true(),
        ),
        Type::String => {
            let text = value.cast::<PyString>().map_err(|_| expected("text", value))?;
            encoder.set_octets(
                number,
                text.to_cow().map_err(|_| "text that is not Unicode".to_string())?.as_bytes(),
            );
        }
        Type::Octets | Type::Hist => {
            encoder.set_octets(
                number,
                value.cast::<PyBytes>().map_err(|_| expected("bytes", value))?.as_bytes(),
            );
        }
        Type::List => {
            let records = value.cast::<PyBytes>().map_err(|_| expected("bytes", value))?.as_bytes();
            if records.len() % column.list_length() != 0 {
                return Err(format!(
                    "{} octets are not records of {} each",
                    records.len(),
                    column.list_length()
                ));
            }
            encoder.set_list(number, records);
        }
        Type::Address => {
            let text = value.cast::<PyString>().map_err(|_| expected("an address as text", value))?;
            let text = text.to_cow().map_err(|_| "text that is not Unicode".to_string())?;
            encoder.set_address(
                number,
                text.parse::<IpAddr>().map_err(|_| format!("{text:?} is not an address"))?,
            );
        }
    }
    Ok(())
}

fn expected(what: &str, value: &Bound<'_, PyAny>) -> String {
    let found = value
        .get_type()
        .name()
        .map_or_else(|_| "something else".into(), |name| name.to_string());
    format!("expected {what}, not {found}")
}

/// Python's True is an integer; here it is not.
fn is_integer(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>()
}

fn unsigned(column: &Column, value: &Bound<'_, PyAny>) -> Result<u64, String> {
    if !is_integer(value) {
        return Err(expected("an integer", value));
    }
    let bits = 8 * column.kind.full_length().map_or(8, u32::from);
    let number = value.extract::<u64>().ok().filter(|number| bits == 64 || number >> bits == 0);
    number.ok_or_else(|| format!("{value} is outside 0..2**{bits}"))
}

fn signed(value: &Bound<'_, PyAny>) -> Result<i64, String> {
    if !is_integer(value) {
        return Err(expected("an integer", value));
    }
    value.extract::<i64>().map_err(|_| format!("{value} is outside 64 bits"))
}

/// The only row of a record batch as a dict; absent fields are left out.
pub fn row_to_dict<'py>(py: Python<'py>, batch: &arrow_array::RecordBatch) -> PyResult<Bound<'py, PyDict>> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type, UInt16Type, UInt32Type, UInt64Type, UInt8Type};
    use arrow_schema::DataType;

    let dict = PyDict::new(py);
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.is_null(0) {
            continue;
        }
        let name = field.name();
        match field.data_type() {
            DataType::UInt8 => dict.set_item(name, column.as_primitive::<UInt8Type>().value(0))?,
            DataType::UInt16 => dict.set_item(name, column.as_primitive::<UInt16Type>().value(0))?,
            DataType::UInt32 => dict.set_item(name, column.as_primitive::<UInt32Type>().value(0))?,
            DataType::UInt64 => dict.set_item(name, column.as_primitive::<UInt64Type>().value(0))?,
            DataType::Int64 => dict.set_item(name, column.as_primitive::<Int64Type>().value(0))?,
            DataType::Float64 => dict.set_item(name, column.as_primitive::<Float64Type>().value(0))?,
            DataType::Boolean => dict.set_item(name, column.as_boolean().value(0))?,
            DataType::Utf8 => dict.set_item(name, column.as_string::<i32>().value(0))?,
            _ => dict.set_item(name, PyBytes::new(py, column.as_binary::<i32>().value(0)))?,
        }
    }
    Ok(dict)
}
