//! The codec's face: batches of records to and from IPFIX, checksums and compression. Work on octets runs without the GIL.

use std::io::Read;

use arrow_array::RecordBatch;
use ipfix::batch;
use ipfix::columns::schema;
use ipfix::decode::{Decoded, Decoder};
use ipfix::encode::Encoder;
use ipfix::message::Malformed;
use ipfix::Record;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::rows::{record_named, row_to_dict, write_row};
use crate::stream::Table;

pyo3::create_exception!(
    faultline.native._native,
    MalformedError,
    PyValueError,
    "Octets that are not what they claim; the message holds offset and reason."
);

pub fn malformed(wrong: &Malformed) -> PyErr {
    MalformedError::new_err(wrong.to_string())
}

/// IPFIX messages of records of one kind of the field table.
#[pyfunction]
#[pyo3(signature = (kind, rows, *, export_s, domain=0, sequence=0))]
pub fn encode_records<'py>(
    py: Python<'py>,
    kind: &str,
    rows: &Bound<'py, PyAny>,
    export_s: u32,
    domain: u32,
    sequence: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut encoder = Encoder::new(record_named(kind)?, export_s, domain, sequence);
    for (number, row) in rows.try_iter()?.enumerate() {
        write_row(&mut encoder, number, &row?)?;
    }
    Ok(PyBytes::new(py, &encoder.finish()))
}

/// A whole batch file: header message, data messages, seal message.
#[pyfunction]
#[pyo3(signature = (header, messages, *, export_s))]
pub fn seal_batch<'py>(
    py: Python<'py>,
    header: &Bound<'py, PyAny>,
    messages: &[u8],
    export_s: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut encoder = Encoder::new(record_named("batch")?, export_s, 0, 0);
    write_row(&mut encoder, 0, header)?;
    let header_message = encoder.finish();
    let said: u64 = header.get_item("records")?.extract()?;
    let sealed = py.detach(|| {
        let mut data = messages.to_vec();
        let records = batch::number_messages(&mut data).map_err(|wrong| malformed(&wrong))?;
        if records != said {
            return Err(PyValueError::new_err(format!(
                "records: header says {said}, the messages hold {records}"
            )));
        }
        batch::seal_file(&header_message, &data, records, export_s).map_err(|wrong| PyValueError::new_err(wrong.to_string()))
    })?;
    Ok(PyBytes::new(py, &sealed))
}

/// A decoded batch file.
#[pyclass(frozen, module = "faultline.native._native")]
pub struct DecodedBatch {
    /// Fields of the `batch` record.
    #[pyo3(get)]
    header: Py<PyDict>,
    /// Sets that could not be decoded.
    #[pyo3(get)]
    problems: Vec<String>,
    decoded: Vec<Decoded>,
}

#[pymethods]
impl DecodedBatch {
    /// Record kinds present, `batch` and `seal` left out.
    fn kinds(&self) -> Vec<&'static str> {
        self.decoded.iter().map(|part| part.record.name).collect()
    }

    /// Number of records of a kind.
    fn rows(&self, kind: &str) -> PyResult<usize> {
        let record = record_named(kind)?;
        Ok(self.of(record).map_or(0, RecordBatch::num_rows))
    }

    /// The records of a kind as an object with `__arrow_c_stream__`; no rows when the batch has none of the kind.
    fn table(&self, kind: &str) -> PyResult<Table> {
        let record = record_named(kind)?;
        let empty = || RecordBatch::new_empty(schema(record));
        Ok(Table::new(self.of(record).cloned().unwrap_or_else(empty)))
    }
}

impl DecodedBatch {
    fn of(&self, record: &Record) -> Option<&RecordBatch> {
        self.decoded
            .iter()
            .find(|part| part.record.kind == record.kind)
            .map(|part| &part.batch)
    }
}

/// Check the seal, decode everything.
#[pyfunction]
pub fn decode_batch(py: Python<'_>, octets: &[u8]) -> PyResult<DecodedBatch> {
    let (header, decoded, problems) = py.detach(|| {
        let sealed = batch::open(octets).map_err(|wrong| malformed(&wrong))?;
        let header = batch::header_row(&sealed.header).map_err(|wrong| malformed(&wrong))?;
        let mut reader = Decoder::new();
        for message in &sealed.data {
            reader.message(message);
        }
        let (mut decoded, problems) = reader.finish().map_err(|wrong| MalformedError::new_err(wrong.to_string()))?;
        decoded.retain(|part| !batch::is_frame(part.record));
        Ok::<_, PyErr>((header, decoded, problems))
    })?;
    Ok(DecodedBatch {
        header: row_to_dict(py, &header)?.unbind(),
        problems,
        decoded,
    })
}

/// Check the seal and read only the header.
#[pyfunction]
pub fn batch_header<'py>(py: Python<'py>, octets: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let row = py.detach(|| batch::open(octets).and_then(|sealed| batch::header_row(&sealed.header)));
    row_to_dict(py, &row.map_err(|wrong| malformed(&wrong))?)
}

/// CRC-32C (Castagnoli) of octets.
#[pyfunction]
pub fn crc32c(py: Python<'_>, octets: &[u8]) -> u32 {
    py.detach(|| ipfix::batch::checksum(octets))
}

/// One zstd frame.
#[pyfunction]
#[pyo3(signature = (octets, level=3))]
pub fn zstd_compress<'py>(py: Python<'py>, octets: &[u8], level: i32) -> PyResult<Bound<'py, PyBytes>> {
    let packed = py.detach(|| zstd::bulk::compress(octets, level))?;
    Ok(PyBytes::new(py, &packed))
}

/// The content of zstd frames, never more than `max_octets` of it in memory.
#[pyfunction]
pub fn zstd_decompress<'py>(py: Python<'py>, octets: &[u8], max_octets: u64) -> PyResult<Bound<'py, PyBytes>> {
    let content = py.detach(|| {
        let mut content = Vec::new();
        let reader = zstd::stream::read::Decoder::with_buffer(octets)?;
        reader.take(max_octets.saturating_add(1)).read_to_end(&mut content)?;
        Ok::<_, std::io::Error>(content)
    });
    let content = content.map_err(|wrong| MalformedError::new_err(format!("not zstd: {wrong}")))?;
    if content.len() as u64 > max_octets {
        return Err(MalformedError::new_err(format!(
            "more than {max_octets} octets when decompressed"
        )));
    }
    Ok(PyBytes::new(py, &content))
}

/// Histogram octets of values, to hold against `faultline.records.histogram`.
#[pyfunction]
pub fn histogram_encode(py: Python<'_>, values: Vec<i64>) -> Bound<'_, PyBytes> {
    let mut histogram = ipfix::histogram::Histogram::new();
    for value in values {
        histogram.add(value);
    }
    PyBytes::new(py, &histogram.encode())
}
