//! What options records say about other records: remembered by scope, joined to the data records that the scope names.
//!
//! A scope of an element joins records that hold this element with this value; an interface scope joins by either interface; a
//! template scope joins the records of that template. A scope that names the exporter or a process of it joins every record of the
//! domain, unless the record is a row of a table (Cisco's interfaces, applications and samplers come under scope "System"): then the
//! table's own key joins.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Fields, Name, Value};

/// Scopes remembered at once, of all exporters.
pub const MAX_SCOPES: usize = 65_536;
/// Octets of a text that is joined.
const MAX_TEXT: usize = 512;
/// Fields of one options record that are remembered.
const MAX_FIELDS: usize = 64;

/// Name under which options of the whole domain are joined.
const DOMAIN: &str = "domain";
/// Scopes that speak of the exporter as a whole: RFC 7011's, and `NetFlow` v9's "System".
const WHOLE: [&str; 6] = [
    "system",
    "observationDomainId",
    "exportingProcessId",
    "meteringProcessId",
    "exporterIPv4Address",
    "exporterIPv6Address",
];
const INTERFACES: [&str; 2] = ["ingressInterface", "egressInterface"];
const VRFS: [&str; 2] = ["ingressVRFID", "egressVRFID"];
/// Keys of tables that come under a scope of the whole exporter.
const TABLE_KEYS: [&str; 8] = [
    "applicationId",
    "ingressInterface",
    "egressInterface",
    "samplerId",
    "selectorId",
    "ingressVRFID",
    "egressVRFID",
    "classId",
];
/// Elements that sampler options are joined by, whichever of the two names the data record uses.
const SAMPLERS: [&str; 2] = ["samplerId", "selectorId"];

/// Options of one observation domain.
#[derive(Debug, Default)]
pub struct Options {
    /// By the data record's element name and the value's text.
    by_value: HashMap<(Name, String), Fields>,
    /// The names in `by_value`.
    joined: HashSet<Name>,
    whole: Fields,
    by_template: HashMap<u64, Fields>,
}

impl Options {
    /// Remember an options record: `scope` names the elements of its scope, `record` holds all, `room` is how many more scopes
    /// there is memory for.
    pub fn learn(&mut self, scope: &[Name], record: &Fields, room: &mut usize) {
        // A scope of several elements is joined by the first that is not the exporter as a whole.
        let mut fields = record.iter();
        let scoped = fields.find(|(name, _)| scope.contains(name) && !WHOLE.contains(&name.as_ref()));
        let key = scoped.or_else(|| record.iter().find(|(name, _)| TABLE_KEYS.contains(&name.as_ref())));
        let known = key.map_or_else(Vec::new, |(name, _)| aliases(name));
        let tells = |(name, value): &&(Name, Value)| !scope.contains(name) && !known.contains(name) && is_property(name, value);
        let said: Fields = record.iter().filter(tells).take(MAX_FIELDS).cloned().collect();
        match key {
            _ if said.is_empty() => {}
            None => merge(&mut self.whole, said),
            Some((name, Value::Unsigned(template))) if matches!(name.as_ref(), "templateId" | "template") => {
                if self.by_template.contains_key(template) || take(room) {
                    merge(self.by_template.entry(*template).or_default(), said);
                }
            }
            Some((_, value)) => {
                for alias in known {
                    let key = (alias.clone(), joint(value));
                    if self.by_value.contains_key(&key) || take(room) {
                        merge(self.by_value.entry(key).or_default(), said.clone());
                        self.joined.insert(alias);
                    }
                }
            }
        }
    }

    /// The options that apply to a data record.
    pub fn of(&self, template: u16, record: &Fields) -> Vec<(Name, Fields)> {
        let mut found = Vec::new();
        if !self.whole.is_empty() {
            found.push((Cow::Borrowed(DOMAIN), self.whole.clone()));
        }
        if let Some(said) = self.by_template.get(&u64::from(template)) {
            found.push((Cow::Borrowed("template"), said.clone()));
        }
        if self.joined.is_empty() {
            return found;
        }
        for (name, value) in record.iter().filter(|(name, _)| self.joined.contains(name)) {
            if let Some(said) = self.by_value.get(&(name.clone(), joint(value))) {
                found.push((name.clone(), said.clone()));
            }
        }
        found
    }
}

/// Whether an option says what something is. The exporter's running counts (RFC 7011, 4) are in their own rows, and long texts too.
fn is_property(name: &Name, value: &Value) -> bool {
    match value {
        _ if name.ends_with("TotalCount") => false,
        Value::Text(text) => text.len() <= MAX_TEXT,
        Value::List(_) | Value::Record(_) => false,
        _ => true,
    }
}

fn take(room: &mut usize) -> bool {
    let some = *room > 0;
    *room -= usize::from(some);
    some
}

/// Values are the same when their text is: an interface number may have two octets here and four there.
fn joint(value: &Value) -> String {
    match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// Names under which data records carry what a scope names.
fn aliases(scope: &Name) -> Vec<Name> {
    let known: &[&'static str] = match scope.as_ref() {
        "interface" | "ingressInterface" | "egressInterface" => &INTERFACES,
        "ingressVRFID" | "egressVRFID" => &VRFS,
        "samplerId" | "selectorId" => &SAMPLERS,
        _ => return vec![scope.clone()],
    };
    known.iter().map(|name| Cow::Borrowed(*name)).collect()
}

fn merge(into: &mut Fields, said: Fields) {
    for (name, value) in said {
        if let Some(known) = into.iter_mut().find(|(known, _)| *known == name) {
            known.1 = value;
        } else if into.len() < MAX_FIELDS {
            into.push((name, value));
        }
    }
}
