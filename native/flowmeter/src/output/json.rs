//! One JSON object a record and line; what is absent has no key.

use std::io::Write as _;
use std::net::IpAddr;

use super::fields::{visit, Distributed, Visitor};
use crate::distribution::Distribution;
use crate::flow::Record;
use crate::packet::Encapsulations;
use crate::tcp::losses::Losses;

/// Append a record and its line end.
pub fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut object = Object {
        out,
        begun: false,
        within: None,
    };
    visit(Some(record), &mut object);
    out.extend_from_slice(b"}\n");
}

struct Object<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
    /// An object within this one, and whether it is there.
    within: Option<bool>,
}

impl Object<'_> {
    fn key(&mut self, name: &str) {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn value(&mut self, value: std::fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        let _ = self.out.write_fmt(value);
    }
}

/// Decimal digits, without the machinery of formatting: most of a record is numbers.
pub(super) fn put_number(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

impl Visitor for Object<'_> {
    fn number(&mut self, name: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.key(name);
            put_number(self.out, value);
        }
    }

    fn word(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(name);
            self.value(format_args!("\"{value}\""));
        }
    }

    fn truth(&mut self, name: &'static str, value: Option<bool>) {
        if let Some(value) = value {
            self.key(name);
            self.value(format_args!("{value}"));
        }
    }

    fn address(&mut self, name: &'static str, value: Option<IpAddr>) {
        if let Some(value) = value {
            self.key(name);
            self.value(format_args!("\"{value}\""));
        }
    }

    fn encapsulations(&mut self, name: &'static str, value: Option<&Encapsulations>) {
        let Some(value) = value else { return };
        self.key(name);
        self.out.push(b'[');
        for (at, entry) in value.as_slice().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            self.value(format_args!("{comma}\"{entry}\""));
        }
        self.out.push(b']');
    }

    fn losses(&mut self, name: &'static str, value: Option<&Losses>) {
        let Some(losses) = value else { return };
        self.key(name);
        self.out.push(b'[');
        for (at, loss) in losses.list().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            self.value(format_args!(
                "{comma}{{\"sequence\":{},\"octets\":{},\"at_ns\":{},\"class\":\"{}\"}}",
                loss.sequence,
                loss.length,
                loss.at_ns,
                loss.class.name()
            ));
        }
        self.out.push(b']');
    }

    fn distribution(&mut self, names: &Distributed, value: Option<&Distribution>) {
        let Some(value) = value else { return };
        self.key(names.name);
        self.value(format_args!("{{\"n\":{}", value.n()));
        if !names.columns[1].is_empty() {
            self.value(format_args!(",\"min\":{}", value.min()));
        }
        let (p50, p95) = (value.quantile(0.5), value.quantile(0.95));
        self.value(format_args!(",\"p50\":{p50},\"p95\":{p95},\"max\":{}}}", value.max()));
    }

    fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(name);
            self.out.push(b'"');
            for octet in value.bytes() {
                match octet {
                    b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', octet]),
                    // Names are printable ASCII; this keeps the line whole should one not be.
                    0..=0x1f | 0x7f.. => self.value(format_args!("\\u{octet:04x}")),
                    _ => self.out.push(octet),
                }
            }
            self.out.push(b'"');
        }
    }

    fn real(&mut self, name: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.key(name);
            self.value(format_args!("{}", rounded(value)));
        }
    }

    fn enter(&mut self, name: &'static str, present: bool) {
        self.within = Some(present);
        if present {
            self.key(name);
            self.out.push(b'{');
            self.begun = false;
        }
    }

    fn leave(&mut self) {
        if self.within.take() == Some(true) {
            self.out.push(b'}');
            self.begun = true;
        }
    }
}

/// To six decimals.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
