//! Comma-separated values (RFC 4180, lines end with LF): one column a field, distributions and objects in one
//! column each part; absent is empty.
//! Lost segments are in one column as `class:sequence:octets:at_ns`, with spaces between them.

use std::io::Write as _;
use std::net::IpAddr;

use super::fields::{visit, Distributed, Visitor};
use super::json::{put_number, rounded};
use crate::distribution::Distribution;
use crate::flow::Record;
use crate::packet::Encapsulations;
use crate::tcp::losses::Losses;

/// Append the line of names.
pub fn write_names(out: &mut Vec<u8>) {
    line(None, out);
}

/// Append a record and its line end.
pub fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    line(Some(record), out);
}

fn line(record: Option<&Record<'_>>, out: &mut Vec<u8>) {
    let mut cells = Cells {
        out,
        begun: false,
        group: None,
        names: record.is_none(),
    };
    visit(record, &mut cells);
    out.push(b'\n');
}

struct Cells<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
    group: Option<&'static str>,
    names: bool,
}

impl Cells<'_> {
    /// Begin a cell; whether it wants a value.
    fn cell(&mut self, name: &str) -> bool {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        if self.names {
            if let Some(group) = self.group {
                self.out.extend_from_slice(group.as_bytes());
                self.out.push(b'_');
            }
            self.out.extend_from_slice(name.as_bytes());
        }
        !self.names
    }

    fn show(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let (true, Some(value)) = (self.cell(name), value) {
            // Writing into memory does not fail.
            let _ = write!(self.out, "{value}");
        }
    }
}

impl Visitor for Cells<'_> {
    fn number(&mut self, name: &'static str, value: Option<i64>) {
        if let (true, Some(value)) = (self.cell(name), value) {
            put_number(self.out, value);
        }
    }

    fn word(&mut self, name: &'static str, value: Option<&str>) {
        self.show(name, value);
    }

    fn truth(&mut self, name: &'static str, value: Option<bool>) {
        self.show(name, value);
    }

    fn address(&mut self, name: &'static str, value: Option<IpAddr>) {
        self.show(name, value);
    }

    fn encapsulations(&mut self, name: &'static str, value: Option<&Encapsulations>) {
        if let (true, Some(value)) = (self.cell(name), value) {
            let quote = if value.as_slice().len() > 1 { "\"" } else { "" };
            let _ = write!(self.out, "{quote}");
            for (at, entry) in value.as_slice().iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                let _ = write!(self.out, "{comma}{entry}");
            }
            let _ = write!(self.out, "{quote}");
        }
    }

    fn losses(&mut self, name: &'static str, value: Option<&Losses>) {
        if let (true, Some(losses)) = (self.cell(name), value) {
            for (at, loss) in losses.list().iter().enumerate() {
                let space = if at == 0 { "" } else { " " };
                let class = loss.class.name();
                // Writing into memory does not fail.
                let _ = write!(self.out, "{space}{class}:{}:{}:{}", loss.sequence, loss.length, loss.at_ns);
            }
        }
    }

    fn distribution(&mut self, names: &Distributed, value: Option<&Distribution>) {
        let parts: [Option<i64>; 5] = std::array::from_fn(|part| {
            value.map(|value| match part {
                0 => value.n() as i64,
                1 => value.min(),
                2 => value.quantile(0.5),
                3 => value.quantile(0.95),
                _ => value.max(),
            })
        });
        for (name, part) in names.columns.into_iter().zip(parts).filter(|(name, _)| !name.is_empty()) {
            self.number(name, part);
        }
    }

    fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let (true, Some(value)) = (self.cell(name), value) {
            // A name with a comma would be two cells; quotes it has none (`app::octets::printable`).
            let quote = if value.contains(',') { "\"" } else { "" };
            let _ = write!(self.out, "{quote}{value}{quote}");
        }
    }

    fn real(&mut self, name: &'static str, value: Option<f64>) {
        self.show(name, value.map(rounded));
    }

    fn enter(&mut self, name: &'static str, _present: bool) {
        self.group = Some(name);
    }

    fn leave(&mut self) {
        self.group = None;
    }
}
