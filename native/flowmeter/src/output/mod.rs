//! Flow records as octets: JSON lines, CSV and IPFIX.

pub mod csv;
pub mod fields;
pub mod ipfix;
pub mod json;

use crate::flow::{Record, RecordSink};

/// What records are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// One line of names, one line a record.
    Csv,
    /// IPFIX messages.
    Ipfix,
}

impl Format {
    /// From its name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "jsonl" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "ipfix" => Some(Self::Ipfix),
            _ => None,
        }
    }
}

/// Records written but not yet taken away.
#[derive(Debug)]
pub struct Output {
    format: Format,
    text: Vec<u8>,
    encoder: Option<ipfix::Messages>,
    sequence: u32,
    latest_ns: i64,
}

impl Output {
    /// Nothing written yet; CSV begins with its names.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let mut text = Vec::new();
        if format == Format::Csv {
            csv::write_names(&mut text);
        }
        Self {
            format,
            text,
            encoder: None,
            sequence: 0,
            latest_ns: 0,
        }
    }

    /// About how many octets wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.text.len() + self.encoder.as_ref().map_or(0, ipfix::Messages::waiting)
    }

    /// The octets of all records so far.
    pub fn take(&mut self) -> Vec<u8> {
        if let Some(messages) = self.encoder.take() {
            self.sequence = self.sequence.wrapping_add(messages.records() as u32);
            self.text.extend_from_slice(&messages.finish());
        }
        std::mem::take(&mut self.text)
    }
}

impl RecordSink for Output {
    fn record(&mut self, record: &Record<'_>) {
        match self.format {
            Format::Jsonl => json::write(record, &mut self.text),
            Format::Csv => csv::write(record, &mut self.text),
            Format::Ipfix => {
                // Exported when its last packet had passed: reading a file again gives the same octets.
                self.latest_ns = self.latest_ns.max(record.flow.last_ns);
                let export_s = (self.latest_ns / 1_000_000_000).clamp(0, i64::from(u32::MAX)) as u32;
                let sequence = self.sequence;
                let messages = self
                    .encoder
                    .get_or_insert_with(|| ipfix::Messages::new(export_s, sequence, None));
                messages.record(record);
            }
        }
    }
}
