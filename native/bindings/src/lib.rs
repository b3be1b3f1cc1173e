//! The Python module `faultline.native._native`: a thin skin over the pure crates.

mod codec;
mod export;
mod meter;
mod plain;
mod rows;
mod stream;

use pyo3::prelude::*;

/// Registers every part of the native module.
#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods as _, PyResult};

    #[pymodule_export]
    use super::codec::{
        batch_header, crc32c, decode_batch, encode_records, histogram_encode, seal_batch, zstd_compress, zstd_decompress,
        DecodedBatch, MalformedError,
    };
    #[pymodule_export]
    use super::export::{ExportDecoder, ExportedFlows};
    #[pymodule_export]
    use super::meter::{check_applications, meter_files, meter_interface, Interval, LiveMeter};
    #[pymodule_export]
    use super::plain::PlainEncoder;
    #[pymodule_export]
    use super::stream::Table;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
