//! The Python module `faultline.native._native`: a thin skin over the pure crates.

use pyo3::prelude::*;

/// Registers every part of the native module.
#[pymodule]
mod _native {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
