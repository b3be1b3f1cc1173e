//! Templates of both protocols in one form: fields with names and types, ready to read records.

use std::collections::HashSet;

use super::elements::{element, of_netflow9, ElementType};
use super::session::Domain;
use super::{Bad, Name};
use crate::message::{u16_at, VARIABLE};
use crate::template::{FieldSpec, Template};

/// One field of a known template.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownField {
    pub name: Name,
    pub kind: ElementType,
    pub spec: FieldSpec,
}

/// A template, whichever protocol brought it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub id: u16,
    /// Its records say something about other records.
    pub options: bool,
    /// The first so many fields are the scope.
    pub scope: usize,
    pub fields: Vec<KnownField>,
    /// An element stands in it more than once.
    pub repeats: bool,
    pub template: Template,
}

impl Known {
    /// An IPFIX template with its elements looked up.
    pub fn new(template: Template, options: bool, domain: Option<&Domain>) -> Self {
        let known = |spec: &FieldSpec| {
            let (name, kind) = element(spec.pen, spec.id);
            let learned = domain
                .filter(|_| kind == ElementType::OctetArray)
                .and_then(|domain| domain.learned(spec.pen, spec.id));
            KnownField {
                name,
                kind: learned.unwrap_or(kind),
                spec: *spec,
            }
        };
        Self::of(options, template.fields.iter().map(known).collect(), template)
    }

    fn of(options: bool, fields: Vec<KnownField>, template: Template) -> Self {
        let mut names = HashSet::new();
        Self {
            id: template.id,
            options,
            scope: usize::from(template.scope),
            repeats: !fields.iter().all(|field| names.insert(&field.name)),
            fields,
            template,
        }
    }

    /// Octets of a record at least; a template of nothing has no records.
    pub fn minimum(&self) -> usize {
        self.template.minimum()
    }
}

/// Names of `NetFlow` v9 scope types (RFC 3954, 6.1).
const V9_SCOPES: [&str; 6] = ["", "system", "interface", "lineCard", "cache", "template"];

/// Templates of a v9 flow set, or options templates (RFC 3954, 5.2 and 6.1). Those before a bad one are kept in `found`.
pub fn netflow9(content: &[u8], offset: usize, options: bool, found: &mut Vec<Known>) -> Result<(), Bad> {
    let head = if options { 6 } else { 4 };
    let mut at = 0;
    while content.len() - at >= head {
        let id = u16_at(content, at);
        if id < 256 {
            // Padding is zeros; anything else is no template.
            let padding = content[at..].iter().all(|&octet| octet == 0);
            return if padding {
                Ok(())
            } else {
                Err(Bad::at("malformed template", offset + at, format!("template id {id}")))
            };
        }
        let (scope, count) = if options {
            (
                usize::from(u16_at(content, at + 2)) / 4,
                usize::from(u16_at(content, at + 4)) / 4,
            )
        } else {
            (0, usize::from(u16_at(content, at + 2)))
        };
        let start = at + head;
        let end = start + 4 * (scope + count);
        if end > content.len() {
            let detail = format!("template {id} of {} fields is cut", scope + count);
            return Err(Bad::at("malformed template", offset + at, detail));
        }
        let fields: Vec<_> = (start..end)
            .step_by(4)
            .enumerate()
            .map(|(number, at)| v9_field(content, at, number < scope))
            .collect();
        let template = Template {
            id,
            scope: scope as u16,
            fields: fields.iter().map(|field| field.spec).collect(),
        };
        found.push(Known::of(options, fields, template));
        at = end;
    }
    Ok(())
}

fn v9_field(content: &[u8], at: usize, scope: bool) -> KnownField {
    let (number, length) = (u16_at(content, at), u16_at(content, at + 2));
    let (pen, id) = of_netflow9(number);
    let (name, kind) = match V9_SCOPES.get(usize::from(number)) {
        // A scope is a number of the exporter's, or nothing; of a cache or line card it may be anything.
        Some(&scope_name) if scope && number > 0 => {
            let kind = if (1..=8).contains(&length) {
                ElementType::Unsigned64
            } else {
                ElementType::OctetArray
            };
            (Name::Borrowed(scope_name), kind)
        }
        _ => element(pen, id),
    };
    KnownField {
        name,
        kind,
        spec: FieldSpec { pen, id, length },
    }
}

/// Whether a field has its length before each value.
pub const fn is_variable(field: &KnownField) -> bool {
    field.spec.length == VARIABLE
}
