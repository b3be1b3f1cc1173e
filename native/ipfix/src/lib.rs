//! IPFIX, `NetFlow` v5/v9 and `sFlow` v5, to and from columns.
//!
//! `encode` turns rows of our own records into messages, `batch` seals them into a file, `decode` turns a file's messages into Arrow
//! columns. Everything takes octets and returns values; nothing here knows a socket, a file or a clock.

pub mod batch;
pub mod columns;
pub mod decode;
pub mod encode;
pub mod export;
pub mod histogram;
pub mod message;
pub mod plain;
pub mod table;
pub mod template;
pub mod time;

pub use table::Record;
