//! The face of plain export: messages of flow records in, datagrams for other collectors out.

use ipfix::plain::{Dialect, PlainEncoder as Core, MIN_OCTETS};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::codec::MalformedError;

/// Translates flow records for one target.
#[pyclass(module = "faultline.native._native")]
pub struct PlainEncoder {
    core: Core,
}

#[pymethods]
impl PlainEncoder {
    #[new]
    #[pyo3(signature = (dialect, *, domain=0, max_octets=512))]
    fn new(dialect: &str, domain: u32, max_octets: usize) -> PyResult<Self> {
        let dialect = Dialect::named(dialect)
            .ok_or_else(|| PyValueError::new_err(format!("dialect must be ipfix, netflow9 or nprobe, got {dialect:?}")))?;
        if !(MIN_OCTETS..=65_000).contains(&max_octets) {
            return Err(PyValueError::new_err(format!(
                "max_octets must be {MIN_OCTETS} to 65000, got {max_octets}"
            )));
        }
        Ok(Self {
            core: Core::new(dialect, domain, max_octets),
        })
    }

    /// The flow records of whole IPFIX messages, as datagrams with the number of records in each.
    fn encode<'py>(&mut self, py: Python<'py>, messages: &[u8]) -> PyResult<Vec<(Bound<'py, PyBytes>, u32)>> {
        let datagrams = py
            .detach(|| self.core.encode(messages))
            .map_err(|wrong| MalformedError::new_err(wrong.to_string()))?;
        let pair = |datagram: ipfix::plain::Datagram| (PyBytes::new(py, &datagram.octets), datagram.records);
        Ok(datagrams.into_iter().map(pair).collect())
    }
}
