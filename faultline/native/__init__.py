"""The typed Python face of the Rust extension: metering, the IPFIX codec, checksums and compression."""
