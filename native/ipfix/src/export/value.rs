//! Octets of one element to a value as JSON shows it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::elements::ElementType;
use super::Fields;
use crate::message::{u32_at, unsigned};
use crate::time::from_ntp;

/// A value of a decoded record.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer; a time in the unit that the element's name says, since 1970.
    Unsigned(u64),
    /// A signed integer, or a time before 1970.
    Signed(i64),
    /// A float.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// Text, an address, or octets in hexadecimal.
    Text(String),
    /// A list of RFC 6313, or an element that stands in a record more than once.
    List(Vec<Value>),
    /// A record inside a list.
    Record(Fields),
}

/// The value of an element. Octets that do not fit its type are shown as they are, in hexadecimal: better seen than guessed.
pub fn plain(kind: ElementType, octets: &[u8]) -> Value {
    typed(kind, octets).unwrap_or_else(|| Value::Text(hexadecimal(octets)))
}

fn typed(kind: ElementType, octets: &[u8]) -> Option<Value> {
    let integer = (1..=8).contains(&octets.len());
    match kind {
        ElementType::Unsigned8 | ElementType::Unsigned16 | ElementType::Unsigned32 | ElementType::Unsigned64 => {
            integer.then(|| Value::Unsigned(unsigned(octets)))
        }
        ElementType::Signed32 | ElementType::Signed64 => integer.then(|| Value::Signed(signed(octets))),
        ElementType::Float64 => match octets.len() {
            4 => Some(Value::Float(f64::from(f32::from_bits(u32_at(octets, 0))))),
            8 => Some(Value::Float(f64::from_bits(unsigned(octets)))),
            _ => None,
        },
        ElementType::Boolean => match octets {
            [1] => Some(Value::Bool(true)),
            [2] => Some(Value::Bool(false)),
            _ => None,
        },
        ElementType::MacAddress => (octets.len() == 6).then(|| Value::Text(mac(octets))),
        ElementType::String => Some(Value::Text(text(octets))),
        ElementType::DateTimeSeconds | ElementType::DateTimeMilliseconds => integer.then(|| Value::Unsigned(unsigned(octets))),
        ElementType::DateTimeMicroseconds => {
            (octets.len() == 8).then(|| time((from_ntp(unsigned(octets)) + 500).div_euclid(1000)))
        }
        ElementType::DateTimeNanoseconds => (octets.len() == 8).then(|| time(from_ntp(unsigned(octets)))),
        ElementType::Ipv4Address => <[u8; 4]>::try_from(octets)
            .ok()
            .map(|four| Value::Text(Ipv4Addr::from(four).to_string())),
        ElementType::Ipv6Address => <[u8; 16]>::try_from(octets)
            .ok()
            .map(|all| Value::Text(Ipv6Addr::from(all).to_string())),
        ElementType::OctetArray | ElementType::BasicList | ElementType::SubTemplateList | ElementType::SubTemplateMultiList => {
            None
        }
    }
}

fn time(since_1970: i64) -> Value {
    u64::try_from(since_1970).map_or(Value::Signed(since_1970), Value::Unsigned)
}

fn signed(octets: &[u8]) -> i64 {
    let unused = 64 - 8 * octets.len() as u32;
    (unsigned(octets) << unused) as i64 >> unused
}

/// Text of a fixed-length field is filled up with zeros.
fn text(octets: &[u8]) -> String {
    let end = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&octets[..end]).into_owned()
}

/// Octets in hexadecimal.
pub fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut out, octet| {
        // Writing into a string cannot fail.
        let _ = write!(out, "{octet:02x}");
        out
    })
}

/// `00:11:22:33:44:55`
pub fn mac(octets: &[u8]) -> String {
    octets
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_type_and_length() {
        assert_eq!(plain(ElementType::Unsigned64, &[1, 0]), Value::Unsigned(256));
        assert_eq!(plain(ElementType::Signed32, &[0xff, 0xfe]), Value::Signed(-2));
        assert_eq!(plain(ElementType::String, b"eth0\0\0"), Value::Text("eth0".into()));
        assert_eq!(
            plain(ElementType::MacAddress, &[0, 1, 2, 3, 4, 255]),
            Value::Text("00:01:02:03:04:ff".into())
        );
        assert_eq!(
            plain(ElementType::Ipv4Address, &[10, 0, 0, 1]),
            Value::Text("10.0.0.1".into())
        );
        assert_eq!(plain(ElementType::Ipv4Address, &[10, 0]), Value::Text("0a00".into()));
        assert_eq!(plain(ElementType::Unsigned8, &[0; 9]), Value::Text("00".repeat(9)));
    }
}
