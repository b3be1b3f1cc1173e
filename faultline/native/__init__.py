"""The typed Python face of the Rust extension: metering, the IPFIX codec, checksums and compression.

Everything here crosses the boundary by batch, never by packet or flow, and gives the GIL back while it works on octets.
"""

from __future__ import annotations

from faultline.native._native import (
    DecodedBatch,
    ExportDecoder,
    Interval,
    LiveMeter,
    MalformedError,
    PlainEncoder,
    Table,
    __version__,
    batch_header,
    check_applications,
    crc32c,
    decode_batch,
    encode_records,
    histogram_encode,
    meter_files,
    meter_interface,
    seal_batch,
    zstd_compress,
    zstd_decompress,
)

__all__ = [
    "DecodedBatch",
    "ExportDecoder",
    "Interval",
    "LiveMeter",
    "MalformedError",
    "PlainEncoder",
    "Table",
    "__version__",
    "batch_header",
    "check_applications",
    "crc32c",
    "decode_batch",
    "encode_records",
    "histogram_encode",
    "meter_files",
    "meter_interface",
    "seal_batch",
    "zstd_compress",
    "zstd_decompress",
]
