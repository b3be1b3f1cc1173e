//! Values of elements, structured lists included (RFC 6313): a basic list is a list of values, the others are lists of records.

use super::elements::{element, ElementType};
use super::packet::read_records;
use super::session::Domain;
use super::value::{hexadecimal, plain};
use super::Value;
use crate::message::{u16_at, u32_at, VARIABLE};
use crate::template::variable_length;

/// Lists inside lists; deeper ones are shown in hexadecimal.
const MAX_DEPTH: usize = 4;
const ENTERPRISE_BIT: u16 = 0x8000;

/// The value of an element's octets. What is no list, or a list of an unknown template, is shown in hexadecimal.
pub fn value_of(domain: &Domain, kind: ElementType, octets: &[u8], depth: usize) -> Value {
    let list = match kind {
        _ if depth >= MAX_DEPTH => None,
        ElementType::BasicList => basic_list(domain, octets, depth),
        ElementType::SubTemplateList => sub_template_list(domain, octets, depth),
        ElementType::SubTemplateMultiList => multi_list(domain, octets, depth),
        _ => return plain(kind, octets),
    };
    list.map_or_else(|| Value::Text(hexadecimal(octets)), Value::List)
}

/// Semantic (1), element (2), length (2), enterprise number if its bit is set (4), values.
fn basic_list(domain: &Domain, octets: &[u8], depth: usize) -> Option<Vec<Value>> {
    if octets.len() < 5 {
        return None;
    }
    let (id, length) = (u16_at(octets, 1), u16_at(octets, 3));
    let (pen, mut at) = if id & ENTERPRISE_BIT == 0 {
        (0, 5)
    } else {
        ((octets.len() >= 9).then(|| u32_at(octets, 5))?, 9)
    };
    let kind = element(pen, id & !ENTERPRISE_BIT).1;
    let mut values = Vec::new();
    while at < octets.len() {
        let size = if length == VARIABLE {
            let (size, start) = variable_length(octets, at).ok()?;
            at = start;
            size
        } else {
            usize::from(length).max(1)
        };
        let value = octets.get(at..at + size)?;
        values.push(value_of(domain, kind, value, depth + 1));
        at += size;
    }
    Some(values)
}

/// Semantic (1), template (2), records.
fn sub_template_list(domain: &Domain, octets: &[u8], depth: usize) -> Option<Vec<Value>> {
    if octets.len() < 3 {
        return None;
    }
    records(domain, u16_at(octets, 1), &octets[3..], depth)
}

/// Semantic (1), then parts: template (2), length with these four octets (2), records.
fn multi_list(domain: &Domain, octets: &[u8], depth: usize) -> Option<Vec<Value>> {
    let (mut values, mut at) = (Vec::new(), 1);
    while at < octets.len() {
        if octets.len() - at < 4 {
            return None;
        }
        let end = at + usize::from(u16_at(octets, at + 2)).max(4);
        values.extend(records(domain, u16_at(octets, at), octets.get(at + 4..end)?, depth)?);
        at = end;
    }
    Some(values)
}

fn records(domain: &Domain, template: u16, content: &[u8], depth: usize) -> Option<Vec<Value>> {
    let template = domain.templates.get(&template)?;
    let found = read_records(domain, template, content, depth + 1).ok()?;
    Some(found.into_iter().map(Value::Record).collect())
}
