//! The face of the export decoder: datagrams in, dicts of the `collector decode` contract out.

use ipfix::export::{ExportDecoder as Core, Fields, FlowColumns, Name, Row, Sort, Value};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyList};

use crate::stream::Table;

/// `NetFlow` v5/v9, IPFIX and `sFlow` v5 datagrams or files to rows; templates are remembered across calls.
#[pyclass(module = "faultline.native._native")]
pub struct ExportDecoder {
    core: Core,
}

#[pymethods]
impl ExportDecoder {
    #[new]
    fn new() -> Self {
        Self { core: Core::new() }
    }

    /// The rows of one datagram or of a file of IPFIX messages, and of sets that waited for its templates.
    fn datagram<'py>(&mut self, py: Python<'py>, octets: &[u8], exporter: &str) -> PyResult<Bound<'py, PyList>> {
        let rows = py.detach(|| self.core.datagram(octets, exporter));
        let dicts = PyList::empty(py);
        for row in &rows {
            dicts.append(row_to_dict(py, row)?)?;
        }
        Ok(dicts)
    }

    /// The flows of datagrams as columns, and what else was in them.
    #[pyo3(signature = (datagrams, exporter, *, received_ns, sampling=None))]
    #[allow(clippy::needless_pass_by_value)] // Python gives a list of buffers, which are ours until the end
    fn flows(
        &mut self,
        py: Python<'_>,
        datagrams: Vec<PyBackedBytes>,
        exporter: &str,
        received_ns: i64,
        sampling: Option<f64>,
    ) -> PyResult<ExportedFlows> {
        py.detach(|| {
            let mut found = Found::default();
            for octets in &datagrams {
                for row in self.core.datagram(octets, exporter) {
                    found.take(row, received_ns, sampling);
                }
            }
            found.finish()
        })
    }

    /// What was counted so far.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.core.counts();
        let dict = PyDict::new(py);
        dict.set_item("datagrams", counts.datagrams)?;
        dict.set_item("records", counts.records)?;
        dict.set_item("unknown_templates", counts.unknown_templates)?;
        dict.set_item("held", self.core.held())?;
        dict.set_item("held_decoded", counts.held_decoded)?;
        dict.set_item("held_dropped", counts.held_dropped)?;
        dict.set_item("malformed", counts.malformed.clone())?;
        let gaps = PyDict::new(py);
        for (protocol, found) in self.core.gaps() {
            let one = PyDict::new(py);
            one.set_item("gaps", found.gaps)?;
            one.set_item("lost", found.lost)?;
            one.set_item("unit", protocol.unit())?;
            one.set_item("late", found.late)?;
            one.set_item("restarts", found.restarts)?;
            gaps.set_item(protocol.name(), one)?;
        }
        dict.set_item("sequence_gaps", gaps)?;
        Ok(dict)
    }

    /// Problems in words since the last call.
    fn take_problems(&mut self) -> Vec<String> {
        self.core.take_problems()
    }
}

/// What some datagrams held.
#[derive(Default)]
struct Found {
    columns: FlowColumns,
    flows: u64,
    options: u64,
    others: u64,
    counters: Vec<Row>,
    newest_export_ns: Option<i64>,
}

impl Found {
    fn take(&mut self, row: Row, received_ns: i64, sampling: Option<f64>) {
        if !row.held {
            self.newest_export_ns = self.newest_export_ns.max(row.export_ns);
        }
        match self.columns.push(&row, received_ns, sampling) {
            Sort::Flow => self.flows += 1,
            Sort::Options => self.options += 1,
            Sort::Other => self.others += 1,
            Sort::Counters => self.counters.push(row),
        }
    }

    fn finish(self) -> PyResult<ExportedFlows> {
        let batch = self
            .columns
            .finish()
            .map_err(|wrong| PyRuntimeError::new_err(wrong.to_string()))?;
        Ok(ExportedFlows {
            table: Some(Table::new(batch)),
            flows: self.flows,
            options: self.options,
            others: self.others,
            counters: self.counters,
            newest_export_ns: self.newest_export_ns,
        })
    }
}

/// The flows of some datagrams, and what else was in them.
#[pyclass(module = "faultline.native._native")]
pub struct ExportedFlows {
    table: Option<Table>,
    /// Flows in the table.
    #[pyo3(get)]
    flows: u64,
    /// Options records.
    #[pyo3(get)]
    options: u64,
    /// Records that count nothing.
    #[pyo3(get)]
    others: u64,
    counters: Vec<Row>,
    /// The newest moment of export of what came now.
    #[pyo3(get)]
    newest_export_ns: Option<i64>,
}

#[pymethods]
impl ExportedFlows {
    /// The columns, once.
    fn take_table(&mut self) -> PyResult<Table> {
        self.table
            .take()
            .ok_or_else(|| PyRuntimeError::new_err("the table was taken"))
    }

    /// Counter samples of sFlow, as `datagram` gives rows.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.counters.iter().map(|row| row_to_dict(py, row)).collect()
    }
}

fn row_to_dict<'py>(py: Python<'py>, row: &Row) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("exporter", &row.exporter)?;
    dict.set_item("protocol", row.protocol.name())?;
    dict.set_item("domain", row.domain)?;
    dict.set_item("sequence", row.sequence)?;
    set_some(&dict, "template", row.template)?;
    set_some(&dict, "export_ns", row.export_ns)?;
    set_some(&dict, "system_init_ns", row.system_init_ns)?;
    set_some(&dict, "sample", row.sample)?;
    if row.held {
        dict.set_item("held", true)?;
    }
    dict.set_item("record", fields_to_dict(py, &row.record)?)?;
    if !row.scope.is_empty() {
        dict.set_item("scope", row.scope.iter().map(Name::as_ref).collect::<Vec<&str>>())?;
    }
    if !row.options.is_empty() {
        let options = PyDict::new(py);
        for (scope, fields) in &row.options {
            options.set_item(scope.as_ref(), fields_to_dict(py, fields)?)?;
        }
        dict.set_item("options", options)?;
    }
    Ok(dict)
}

fn set_some<'py, T: IntoPyObject<'py>>(dict: &Bound<'py, PyDict>, key: &str, value: Option<T>) -> PyResult<()> {
    value.map_or(Ok(()), |value| dict.set_item(key, value))
}

fn fields_to_dict<'py>(py: Python<'py>, fields: &Fields) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in fields {
        dict.set_item(name.as_ref(), value_to_object(py, value)?)?;
    }
    Ok(dict)
}

fn value_to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Unsigned(number) => Ok(number.into_pyobject(py)?.into_any()),
        Value::Signed(number) => Ok(number.into_pyobject(py)?.into_any()),
        Value::Float(number) => Ok(number.into_pyobject(py)?.into_any()),
        Value::Bool(truth) => Ok(truth.into_pyobject(py)?.to_owned().into_any()),
        Value::Text(text) => Ok(text.into_pyobject(py)?.into_any()),
        Value::Record(fields) => Ok(fields_to_dict(py, fields)?.into_any()),
        Value::List(values) => {
            let list = PyList::empty(py);
            for value in values {
                list.append(value_to_object(py, value)?)?;
            }
            Ok(list.into_any())
        }
    }
}
