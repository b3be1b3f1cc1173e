//! What is remembered of exporters between datagrams.

use std::collections::HashMap;
use std::sync::Arc;

use super::elements::{element, type_of_number, ElementType};
use super::held::Held;
use super::options::{Options, MAX_SCOPES};
use super::sequence::Sequences;
use super::templates::Known;
use super::{Fields, Protocol, Value};

/// Template fields remembered in all; a hostile exporter cannot fill the memory with templates.
const MAX_FIELDS: usize = 1 << 20;
/// Types learned by RFC 5610 in one domain.
const MAX_TYPES: usize = 4096;

/// Whose templates they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub exporter: String,
    pub protocol: Protocol,
    pub domain: u32,
}

/// What a message's header says of every record in it.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub sequence: u32,
    pub export_ns: i64,
    pub system_init_ns: Option<i64>,
}

/// One observation domain.
#[derive(Debug, Default)]
pub struct Domain {
    pub templates: HashMap<u16, Arc<Known>>,
    pub options: Options,
    types: HashMap<(u32, u16), ElementType>,
}

impl Domain {
    /// Learn the type of an element from a type information record (RFC 5610).
    pub fn learn_type(&mut self, record: &Fields) {
        let number = |name: &str| {
            let found = record.iter().find(|(known, _)| known == name);
            found.and_then(|(_, value)| if let Value::Unsigned(n) = value { Some(*n) } else { None })
        };
        let numbers = (
            number("privateEnterpriseNumber"),
            number("informationElementId"),
            number("informationElementDataType"),
        );
        if let (Some(pen), Some(id), Some(kind)) = numbers {
            let id = id as u16 & 0x7FFF;
            let unknown = element(pen as u32, id).1 == ElementType::OctetArray && pen != 0;
            if let Some(kind) = type_of_number(kind).filter(|_| unknown && self.types.len() < MAX_TYPES) {
                self.types.insert((pen as u32, id), kind);
            }
        }
    }

    /// A type learned for an element that the tables do not know.
    pub fn learned(&self, pen: u32, id: u16) -> Option<ElementType> {
        self.types.get(&(pen, id)).copied()
    }
}

/// Everything remembered.
#[derive(Debug)]
pub struct Session {
    pub domains: HashMap<SessionKey, Domain>,
    /// Option scopes that there is still memory for.
    pub room: usize,
    pub held: Held,
    pub sequences: Sequences,
    fields: usize,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            domains: HashMap::new(),
            room: MAX_SCOPES,
            held: Held::default(),
            sequences: Sequences::default(),
            fields: 0,
        }
    }
}

impl Session {
    /// Remember a template; false when there is no room.
    pub fn remember(&mut self, key: &SessionKey, template: Known) -> bool {
        let domain = self.domains.entry(key.clone()).or_default();
        let before = domain.templates.get(&template.id).map_or(0, |known| known.fields.len());
        let fields = self.fields - before + template.fields.len();
        if fields > MAX_FIELDS {
            return false;
        }
        self.fields = fields;
        domain.templates.insert(template.id, Arc::new(template));
        true
    }

    /// Forget a withdrawn template, or all of a kind when `id` is the id of a template set.
    pub fn withdraw(&mut self, key: &SessionKey, id: u16, options: bool) {
        let Some(domain) = self.domains.get_mut(key) else { return };
        let all = id < 256;
        domain
            .templates
            .retain(|&known, template| !(known == id || all && template.options == options));
        self.fields = self
            .domains
            .values()
            .flat_map(|domain| domain.templates.values())
            .map(|known| known.fields.len())
            .sum();
    }
}
