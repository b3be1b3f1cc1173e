//! What an element is called and how its octets are read: IANA's registry (`elements.tsv`), our own field table, and reverse twins.

use std::borrow::Cow;

use super::Name;
use crate::table::{Type, ENTERPRISE_NUMBER, RECORDS};

/// Abstract data types of RFC 7012, 3.1, and the lists of RFC 6313.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    OctetArray,
    Unsigned8,
    Unsigned16,
    Unsigned32,
    Unsigned64,
    Signed32,
    Signed64,
    Float64,
    Boolean,
    MacAddress,
    String,
    DateTimeSeconds,
    DateTimeMilliseconds,
    DateTimeMicroseconds,
    DateTimeNanoseconds,
    Ipv4Address,
    Ipv6Address,
    BasicList,
    SubTemplateList,
    SubTemplateMultiList,
}

include!(concat!(env!("OUT_DIR"), "/elements.rs"));

/// Enterprise number of IANA elements in the reverse direction (RFC 5103, 6.1).
const REVERSE_PEN: u32 = 29305;
const OWN_REVERSE_BIT: u16 = 0x4000;
/// nProbe's elements in `NetFlow` v9, which has no enterprise numbers: 57472 + n is PEN 35632, element n.
const NPROBE_V9_BASE: u16 = 57472;
const NPROBE_PEN: u32 = 35632;

/// Enterprise and number of a `NetFlow` v9 field type.
pub fn of_netflow9(id: u16) -> (u32, u16) {
    if id >= NPROBE_V9_BASE {
        (NPROBE_PEN, id - NPROBE_V9_BASE)
    } else {
        (0, id)
    }
}

/// Name and type of an element. One that nobody here knows is `PEN/id` and octets.
pub fn element(pen: u32, id: u16) -> (Name, ElementType) {
    match (pen, iana(id)) {
        (0, Some((name, kind))) => (Cow::Borrowed(name), kind),
        (REVERSE_PEN, Some((name, kind))) => (Cow::Owned(reverse_name(name)), kind),
        (ENTERPRISE_NUMBER, _) => (unnamed(pen, id), own_type(id)),
        _ => (unnamed(pen, id), ElementType::OctetArray),
    }
}

fn unnamed(pen: u32, id: u16) -> Name {
    Cow::Owned(format!("{pen}/{id}"))
}

fn iana(id: u16) -> Option<(&'static str, ElementType)> {
    let at = ELEMENTS.binary_search_by_key(&id, |&(number, _, _)| number).ok()?;
    Some((ELEMENTS[at].1, ELEMENTS[at].2))
}

/// `octetDeltaCount` backwards is `reverseOctetDeltaCount` (RFC 5103, 6.1).
fn reverse_name(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    "reverse".chars().chain(first).chain(letters).collect()
}

fn own_type(id: u16) -> ElementType {
    let forward = id & !OWN_REVERSE_BIT;
    let mut columns = RECORDS.iter().flat_map(|record| record.columns);
    let found = columns.find(|column| column.pen == ENTERPRISE_NUMBER && column.id & !OWN_REVERSE_BIT == forward);
    match found.map(|column| column.kind) {
        Some(Type::U8 | Type::U16 | Type::U32 | Type::U64) => ElementType::Unsigned64,
        Some(Type::I64) => ElementType::Signed64,
        Some(Type::F64) => ElementType::Float64,
        Some(Type::Bool) => ElementType::Boolean,
        Some(Type::String) => ElementType::String,
        Some(Type::Time) => ElementType::DateTimeNanoseconds,
        Some(Type::List) => ElementType::SubTemplateList,
        None if id == crate::table::RECORD_KIND => ElementType::Unsigned8,
        None if is_in_list(id) => ElementType::Unsigned64,
        _ => ElementType::OctetArray,
    }
}

/// Elements of the records in lists: all of ours are numbers.
fn is_in_list(id: u16) -> bool {
    let mut lists = RECORDS
        .iter()
        .flat_map(|record| record.columns)
        .flat_map(|column| column.list);
    lists.any(|field| field.pen == ENTERPRISE_NUMBER && field.id == id)
}

/// The type of a number in the registry "IPFIX Information Element Data Types" (RFC 5610).
pub fn type_of_number(number: u64) -> Option<ElementType> {
    const TYPES: [ElementType; 23] = [
        ElementType::OctetArray,
        ElementType::Unsigned8,
        ElementType::Unsigned16,
        ElementType::Unsigned32,
        ElementType::Unsigned64,
        ElementType::Signed32,
        ElementType::Signed32,
        ElementType::Signed32,
        ElementType::Signed64,
        ElementType::Float64,
        ElementType::Float64,
        ElementType::Boolean,
        ElementType::MacAddress,
        ElementType::String,
        ElementType::DateTimeSeconds,
        ElementType::DateTimeMilliseconds,
        ElementType::DateTimeMicroseconds,
        ElementType::DateTimeNanoseconds,
        ElementType::Ipv4Address,
        ElementType::Ipv6Address,
        ElementType::BasicList,
        ElementType::SubTemplateList,
        ElementType::SubTemplateMultiList,
    ];
    TYPES.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_ianas_names_and_others_their_numbers() {
        assert_eq!(element(0, 1).0, "octetDeltaCount");
        assert_eq!(element(29305, 1).0, "reverseOctetDeltaCount");
        assert_eq!(element(0, 40001), (Cow::Borrowed("0/40001"), ElementType::OctetArray));
        assert_eq!(element(ENTERPRISE_NUMBER, 32 | 0x4000).1, ElementType::Unsigned64);
        assert_eq!(of_netflow9(57472 + 109), (35632, 109));
        assert_eq!(of_netflow9(33002), (0, 33002));
    }
}
