//! The face of the export decoder: datagrams in, dicts of the `collector decode` contract out.

use ipfix::export::{ExportDecoder as Core, Fields, Name, Row, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

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
