//! Messages of the two protocols with templates: `NetFlow` v9 packets (RFC 3954) and IPFIX messages (RFC 7011).

use std::sync::Arc;

use super::held::HeldSet;
use super::lists::value_of;
use super::session::{Domain, Header, Session, SessionKey};
use super::templates::{self, Known};
use super::{Bad, Call, Fields, Name, Protocol, Row, Value};
use crate::message::{u32_at, Message, Set, Sets};
use crate::message::{MESSAGE_HEADER, OPTIONS_TEMPLATE_SET, SET_HEADER, TEMPLATE_SET};
use crate::template::read_templates;

const SECOND_NS: i64 = 1_000_000_000;
const MS_NS: i64 = 1_000_000;
const V9_HEADER: usize = 20;
const V9_TEMPLATES: u16 = 0;
const V9_OPTIONS: u16 = 1;

/// Records of one data set, before they become rows.
struct Records {
    fields: Vec<Fields>,
    template: Arc<Known>,
}

impl Call<'_> {
    /// One IPFIX message at `at`; gives where the next one starts.
    pub(super) fn ipfix(&mut self, octets: &[u8], at: usize) -> Result<usize, Bad> {
        let mut message = Message::read(octets, at).map_err(Bad::of("malformed message"))?;
        let left = octets.len() - at - message.octets.len();
        if (1..MESSAGE_HEADER).contains(&left) {
            // Too few for another message: an exporter that counts its own octets wrong. The sets say where they end.
            let detail = format!("message length {}, {left} octets more are there", message.octets.len());
            self.bad.push(Bad::at("wrong message length", at + 2, detail));
            message.octets = &octets[at..];
        }
        let key = self.key(Protocol::Ipfix, message.domain());
        let header = Header {
            sequence: message.sequence(),
            export_ns: i64::from(message.export_s()) * SECOND_NS,
            system_init_ns: None,
        };
        let mut records = Some(0);
        for set in message.sets() {
            let read = set.map_err(Bad::of("malformed set")).and_then(|set| match set.id {
                TEMPLATE_SET | OPTIONS_TEMPLATE_SET => self.ipfix_templates(&key, &set).map(|()| Some(0)),
                0..=255 => Err(Bad::at("reserved set id", set.offset, format!("set id {}", set.id))),
                _ => self.data_set(&key, header, &set),
            });
            let counted = read.unwrap_or_else(|bad| {
                self.bad.push(bad);
                None
            });
            records = records.zip(counted).map(|(sum, more): (u32, u32)| sum.wrapping_add(more));
        }
        self.session.sequences.saw(&key, header.sequence, records);
        Ok(at + message.octets.len())
    }

    fn ipfix_templates(&mut self, key: &SessionKey, set: &Set<'_>) -> Result<(), Bad> {
        let options = set.id == OPTIONS_TEMPLATE_SET;
        let mut found = Vec::new();
        let done = read_templates(set.content, options, &mut found);
        for template in found {
            if template.fields.is_empty() {
                self.session.withdraw(key, template.id, options);
            } else {
                let known = Known::new(template, options, self.session.domains.get(key));
                self.learn(key, known, set.offset)?;
            }
        }
        done.map_err(|wrong| Bad::at("malformed template", set.offset + wrong.offset, wrong.reason))
    }

    /// One v9 packet at `at`. It has no length of its own, so it ends where the octets end.
    pub(super) fn netflow9(&mut self, octets: &[u8], at: usize) -> Result<usize, Bad> {
        let packet = &octets[at..];
        if packet.len() < V9_HEADER {
            return Err(Bad::at(
                "truncated",
                at,
                format!("{} octets are too few for a v9 header", packet.len()),
            ));
        }
        let export_ns = i64::from(u32_at(packet, 8)) * SECOND_NS;
        let header = Header {
            sequence: u32_at(packet, 12),
            export_ns,
            system_init_ns: Some(export_ns - i64::from(u32_at(packet, 4)) * MS_NS),
        };
        let key = self.key(Protocol::Netflow9, u32_at(packet, 16));
        for set in Sets::new(packet, V9_HEADER, at) {
            let read = match set {
                Ok(set) => self.v9_set(&key, header, &set),
                // Some exporters fill their packets up with zeros.
                Err(wrong) if octets[wrong.offset & !1..].iter().all(|&octet| octet == 0) => break,
                Err(wrong) => Err(Bad::of("malformed set")(wrong)),
            };
            if let Err(bad) = read {
                self.bad.push(bad);
            }
        }
        self.session.sequences.saw(&key, header.sequence, Some(1));
        Ok(octets.len())
    }

    fn v9_set(&mut self, key: &SessionKey, header: Header, set: &Set<'_>) -> Result<(), Bad> {
        match set.id {
            V9_TEMPLATES | V9_OPTIONS => {
                let mut found = Vec::new();
                let done = templates::netflow9(set.content, set.offset, set.id == V9_OPTIONS, &mut found);
                for known in found {
                    self.learn(key, known, set.offset)?;
                }
                done
            }
            2..=255 => Err(Bad::at("reserved set id", set.offset, format!("flow set id {}", set.id))),
            _ => self.data_set(key, header, set).map(|_| ()),
        }
    }

    /// Remember a template and decode what waited for it.
    fn learn(&mut self, key: &SessionKey, known: Known, offset: usize) -> Result<(), Bad> {
        let id = known.id;
        if known.minimum() == 0 {
            return Err(Bad::at(
                "malformed template",
                offset,
                format!("template {id}: its records have no octets"),
            ));
        }
        if !self.session.remember(key, known) {
            return Err(Bad::at(
                "too many templates",
                offset,
                format!("template {id} does not fit the memory for templates"),
            ));
        }
        for held in self.session.held.release(key, id) {
            let set = Set {
                id,
                content: &held.content,
                offset: SET_HEADER,
            };
            match self.read_set(key, &set) {
                Ok(Some(records)) => {
                    self.counts.held_decoded += 1;
                    self.emit(key, held.header, records, true);
                }
                Ok(None) => {}
                Err(bad) => self.bad.push(bad),
            }
        }
        Ok(())
    }

    /// Rows of a data set; gives the number of records, none when its template is not known yet.
    fn data_set(&mut self, key: &SessionKey, header: Header, set: &Set<'_>) -> Result<Option<u32>, Bad> {
        if let Some(records) = self.read_set(key, set)? {
            let count = records.fields.len() as u32;
            self.emit(key, header, records, false);
            return Ok(Some(count));
        }
        self.counts.unknown_templates += 1;
        self.counts.held_dropped += self.session.held.keep(HeldSet {
            key: key.clone(),
            header,
            set: set.id,
            content: set.content.to_vec(),
        });
        Ok(None)
    }

    fn read_set(&self, key: &SessionKey, set: &Set<'_>) -> Result<Option<Records>, Bad> {
        let Some(domain) = self.session.domains.get(key) else {
            return Ok(None);
        };
        let Some(template) = domain.templates.get(&set.id) else {
            return Ok(None);
        };
        let fields = read_records(domain, template, set.content, 0).map_err(|bad| {
            Bad::at(
                bad.reason,
                set.offset + bad.wrong.offset,
                format!("set {}: {}", set.id, bad.wrong.reason),
            )
        })?;
        Ok(Some(Records {
            fields,
            template: Arc::clone(template),
        }))
    }

    fn emit(&mut self, key: &SessionKey, header: Header, records: Records, held: bool) {
        let Records { fields, template } = records;
        let Session { domains, room, .. } = &mut *self.session;
        let Some(domain) = domains.get_mut(key) else { return };
        let scope: Vec<Name> = template.fields[..template.scope]
            .iter()
            .map(|field| field.name.clone())
            .collect();
        for record in fields {
            if template.options {
                domain.learn_type(&record);
                domain.options.learn(&scope, &record, room);
            }
            let options = if template.options {
                Vec::new()
            } else {
                domain.options.of(template.id, &record)
            };
            self.rows.push(Row {
                exporter: key.exporter.clone(),
                protocol: key.protocol,
                domain: key.domain,
                sequence: header.sequence,
                template: Some(template.id),
                export_ns: Some(header.export_ns),
                system_init_ns: header.system_init_ns,
                sample: None,
                record,
                scope: scope.clone(),
                options,
                held,
            });
        }
    }
}

/// The records of a data set; what is shorter than any record is padding.
pub(super) fn read_records(domain: &Domain, template: &Known, content: &[u8], depth: usize) -> Result<Vec<Fields>, Bad> {
    let minimum = template.minimum();
    debug_assert!(minimum > 0, "learn() refuses templates whose records have no octets");
    let (mut records, mut spans, mut at) = (Vec::new(), Vec::new(), 0);
    while content.len() - at >= minimum {
        if is_padding(template, &content[at..]) {
            break;
        }
        spans.clear();
        at = template
            .template
            .split(content, at, &mut spans)
            .map_err(Bad::of("malformed record"))?;
        let mut record = Fields::with_capacity(spans.len());
        for (field, &(start, end)) in template.fields.iter().zip(&spans) {
            // A field of no octets says nothing (some exporters send it for what they do not know).
            if start == end && !templates::is_variable(field) {
                continue;
            }
            let value = value_of(domain, field.kind, &content[start..end], depth);
            let put = if template.repeats { put_again } else { put_once };
            put(&mut record, &field.name, value);
        }
        records.push(record);
    }
    Ok(records)
}

/// Up to three zeros may end a set; with variable-length fields a record could be as short.
fn is_padding(template: &Known, rest: &[u8]) -> bool {
    rest.len() < 4 && template.fields.iter().any(templates::is_variable) && rest.iter().all(|&octet| octet == 0)
}

fn put_once(record: &mut Fields, name: &Name, value: Value) {
    record.push((name.clone(), value));
}

/// An element that stands in a record more than once is a list in order.
fn put_again(record: &mut Fields, name: &Name, value: Value) {
    match record.iter_mut().find(|(known, _)| known == name) {
        None => record.push((name.clone(), value)),
        Some((_, Value::List(values))) => values.push(value),
        Some((_, first)) => *first = Value::List(vec![std::mem::replace(first, Value::Bool(false)), value]),
    }
}
