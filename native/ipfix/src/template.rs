//! Templates of IPFIX (RFC 7011, 3.4): which element of which length stands where in a data record, and where each record ends.

use crate::message::{u16_at, u32_at, Malformed, VARIABLE};

const ENTERPRISE_BIT: u16 = 0x8000;

/// One field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Enterprise number, 0 for IANA's.
    pub pen: u32,
    /// Element number.
    pub id: u16,
    /// Octets of a value, or `VARIABLE`.
    pub length: u16,
}

/// One template; an options template has the first `scope` fields as its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Id of its data sets, 256 and up.
    pub id: u16,
    /// Number of scope fields; 0 for a template that is no options template.
    pub scope: u16,
    /// Its fields in order; none means that the template is withdrawn.
    pub fields: Vec<FieldSpec>,
}

impl Template {
    /// Octets that a data record has at least.
    #[must_use]
    pub fn minimum(&self) -> usize {
        self.fields
            .iter()
            .map(|field| {
                if field.length == VARIABLE {
                    1
                } else {
                    usize::from(field.length)
                }
            })
            .sum()
    }

    /// The values of the record that starts at `at`, appended to `values` as (start, end); gives the end of the record.
    pub fn split(&self, content: &[u8], mut at: usize, values: &mut Vec<(usize, usize)>) -> Result<usize, Malformed> {
        for field in &self.fields {
            let mut length = usize::from(field.length);
            if field.length == VARIABLE {
                (length, at) = variable_length(content, at)?;
            }
            let end = at + length;
            if end > content.len() {
                let reason = format!(
                    "element {}/{} of {length} octets with {} left",
                    field.pen,
                    field.id,
                    content.len() - at
                );
                return Err(Malformed::at(at, reason));
            }
            values.push((at, end));
            at = end;
        }
        Ok(at)
    }
}

/// Length of a variable-length value and where it starts (RFC 7011, 7).
pub fn variable_length(content: &[u8], at: usize) -> Result<(usize, usize), Malformed> {
    match content.get(at) {
        Some(255) if at + 3 <= content.len() => Ok((usize::from(u16_at(content, at + 1)), at + 3)),
        Some(&short) if short < 255 => Ok((usize::from(short), at + 1)),
        _ => Err(Malformed::at(at, "length of a variable-length value is cut")),
    }
}

/// Read the templates of an IPFIX template set (`options` false) or options template set. Those before a bad one are kept in `found`.
pub fn read_templates(content: &[u8], options: bool, found: &mut Vec<Template>) -> Result<(), Malformed> {
    let mut at = 0;
    // Up to three octets of padding may end a set (RFC 7011, 3.3.1); a withdrawal has four octets.
    while content.len() - at >= 4 {
        let (id, count) = (u16_at(content, at), usize::from(u16_at(content, at + 2)));
        let start = at;
        at += 4;
        if id < 256 && !(count == 0 && id <= 3) {
            return Err(Malformed::at(start, format!("template id {id} is reserved")));
        }
        let mut scope = 0;
        if options && count > 0 {
            if content.len() - at < 2 {
                return Err(Malformed::at(at, format!("options template {id} is cut")));
            }
            scope = u16_at(content, at);
            at += 2;
            if scope == 0 || usize::from(scope) > count {
                return Err(Malformed::at(
                    at - 2,
                    format!("options template {id}: {scope} scope fields of {count}"),
                ));
            }
        }
        let mut fields = Vec::with_capacity(count.min(content.len() / 4));
        for _ in 0..count {
            let Some((field, next)) = field_spec(content, at) else {
                return Err(Malformed::at(
                    at,
                    format!("template {id} is cut after {} of {count} fields", fields.len()),
                ));
            };
            fields.push(field);
            at = next;
        }
        found.push(Template { id, scope, fields });
    }
    Ok(())
}

fn field_spec(content: &[u8], at: usize) -> Option<(FieldSpec, usize)> {
    let left = content.len().checked_sub(at).filter(|&left| left >= 4)?;
    let (id, length) = (u16_at(content, at), u16_at(content, at + 2));
    if id & ENTERPRISE_BIT == 0 {
        return Some((FieldSpec { pen: 0, id, length }, at + 4));
    }
    let pen = (left >= 8).then(|| u32_at(content, at + 4))?;
    let id = id & !ENTERPRISE_BIT;
    Some((FieldSpec { pen, id, length }, at + 8))
}
