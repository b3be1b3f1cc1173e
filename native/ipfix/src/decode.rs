//! Data messages of our own records in, columns by record kind out.
//!
//! A set that cannot be read is told with its coordinates and left out whole; every set beside it is kept. Elements this program does
//! not know are passed over, so a newer exporter's field breaks nothing.

use std::collections::{BTreeMap, HashMap};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::columns::{Columns, Value};
use crate::message::{Malformed, Message, Set, OPTIONS_TEMPLATE_SET, TEMPLATE_SET};
use crate::table::{Column, Record, Type, ENTERPRISE_NUMBER, RECORD_KIND};
use crate::template::{read_templates, Template};

/// Problems kept in words; the ones after that are only counted.
const MAX_PROBLEMS: usize = 100;

/// Templates by observation domain and id.
pub type Templates = HashMap<(u32, u16), Template>;

/// A template with the columns its fields fill.
struct Plan {
    template: Template,
    record: &'static Record,
    /// Number of the field in the template, column, type.
    fields: Vec<(usize, usize, Type)>,
    targets: Vec<usize>,
}

/// Collects the columns of every record kind in a run of messages.
#[derive(Default)]
pub struct Decoder {
    templates: Templates,
    plans: HashMap<(u32, u16), Plan>,
    columns: BTreeMap<u8, Columns>,
    problems: Vec<String>,
    problems_unsaid: usize,
    messages: usize,
}

impl Decoder {
    /// A decoder that knows no template yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Read every set of a message.
    pub fn message(&mut self, message: &Message<'_>) {
        self.messages += 1;
        for set in message.sets() {
            let done = set
                .map_err(|wrong| (0, wrong))
                .and_then(|set| self.set(message.domain(), &set).map_err(|wrong| (set.id, wrong)));
            if let Err((id, wrong)) = done {
                self.problem(id, &wrong);
            }
        }
    }

    fn problem(&mut self, set: u16, wrong: &Malformed) {
        if self.problems.len() < MAX_PROBLEMS {
            let which = if set == 0 { String::new() } else { format!(", set {set}") };
            self.problems.push(format!("message {}{which}, {wrong}", self.messages - 1));
        } else {
            self.problems_unsaid += 1;
        }
    }

    fn set(&mut self, domain: u32, set: &Set<'_>) -> Result<(), Malformed> {
        match set.id {
            TEMPLATE_SET => self.template_set(domain, set),
            OPTIONS_TEMPLATE_SET => Err(Malformed::at(set.offset, "options templates have no place in a batch")),
            0..=255 => Err(Malformed::at(set.offset, "reserved set id")),
            _ => self.data_set(domain, set),
        }
    }

    fn template_set(&mut self, domain: u32, set: &Set<'_>) -> Result<(), Malformed> {
        let mut found = Vec::new();
        let done = read_templates(set.content, false, &mut found);
        for template in found {
            let key = (domain, template.id);
            if self.templates.get(&key) != Some(&template) {
                self.plans.remove(&key);
                self.templates.insert(key, template);
            }
        }
        done.map_err(|wrong| Malformed::at(set.offset + wrong.offset, wrong.reason))
    }

    fn data_set(&mut self, domain: u32, set: &Set<'_>) -> Result<(), Malformed> {
        let key = (domain, set.id);
        let kind = set
            .content
            .first()
            .copied()
            .ok_or_else(|| Malformed::at(set.offset, "empty data set"))?;
        if self.plans.get(&key).is_none_or(|plan| plan.record.kind != kind) {
            let template = self
                .templates
                .get(&key)
                .ok_or_else(|| Malformed::at(set.offset, "no template before this data set"))?;
            let plan = plan(template, kind).map_err(|reason| Malformed::at(set.offset, reason))?;
            self.plans.insert(key, plan);
        }
        let plan = &self.plans[&key];
        let values = read_rows(plan, set, |id| self.templates.get(&(domain, id)))?;
        let columns = self.columns.entry(kind).or_insert_with(|| Columns::new(plan.record));
        columns.push(&plan.targets, &values);
        Ok(())
    }

    /// What was found: columns by record kind, and problems in words.
    pub fn finish(mut self) -> Result<(Vec<Decoded>, Vec<String>), ArrowError> {
        if self.problems_unsaid > 0 {
            self.problems.push(format!("and {} more", self.problems_unsaid));
        }
        let decoded = self.columns.into_values().map(Decoded::of).collect::<Result<_, _>>()?;
        Ok((decoded, self.problems))
    }
}

/// The records of one kind.
#[derive(Debug)]
pub struct Decoded {
    /// Which record.
    pub record: &'static Record,
    /// Its columns.
    pub batch: RecordBatch,
}

impl Decoded {
    fn of(columns: Columns) -> Result<Self, ArrowError> {
        Ok(Self {
            record: columns.record(),
            batch: columns.finish()?,
        })
    }
}

fn plan(template: &Template, kind: u8) -> Result<Plan, String> {
    let starts_with_kind = template
        .fields
        .first()
        .is_some_and(|first| (first.pen, first.id, first.length) == (ENTERPRISE_NUMBER, RECORD_KIND, 1));
    if !starts_with_kind {
        return Err("template does not start with record_kind".into());
    }
    let record = Record::of_kind(kind).ok_or_else(|| format!("record kind {kind} is unknown"))?;
    let (mut fields, mut targets, mut present) = (Vec::new(), Vec::new(), 0u128);
    for (number, field) in template.fields.iter().enumerate().skip(1) {
        if let Some(column) = record
            .column_of(field.pen, field.id)
            .filter(|column| present >> column & 1 == 0)
        {
            present |= 1 << column;
            fields.push((number, column, record.columns[column].kind));
            targets.push(column);
        }
    }
    // A record without its required fields means nothing, and a few octets of it would grow into hundreds of nulls.
    let missing = record.required() & !present;
    if missing != 0 {
        let name = record.columns[missing.trailing_zeros() as usize].name;
        return Err(format!("record {} without {name}", record.name));
    }
    Ok(Plan {
        template: template.clone(),
        record,
        fields,
        targets,
    })
}

fn read_rows<'a, 't>(
    plan: &Plan,
    set: &Set<'a>,
    templates: impl Fn(u16) -> Option<&'t Template>,
) -> Result<Vec<Value<'a>>, Malformed> {
    let content = set.content;
    let minimum = plan.template.minimum();
    let mut values = Vec::with_capacity(plan.fields.len() * (content.len() / minimum).min(64));
    let (mut at, mut spans) = (0, Vec::with_capacity(plan.template.fields.len()));
    let shift = |wrong: Malformed| Malformed::at(set.offset + wrong.offset, wrong.reason);
    // What is shorter than any record is padding (RFC 7011, 3.3.1).
    while content.len() - at >= minimum {
        if content[at] != plan.record.kind {
            return Err(Malformed::at(
                set.offset + at,
                format!("record kind {} among {}", content[at], plan.record.kind),
            ));
        }
        spans.clear();
        let end = plan.template.split(content, at, &mut spans).map_err(shift)?;
        for &(number, column, kind) in &plan.fields {
            let (start, stop) = spans[number];
            let of = &plan.record.columns[column];
            let octets = match kind {
                Type::List => list_records(of, &content[start..stop], &templates),
                _ => Ok(&content[start..stop]),
            };
            let value = octets
                .and_then(|octets| Value::read(kind, octets))
                .map_err(|reason| Malformed::at(set.offset + start, format!("{}: {reason}", of.name)))?;
            values.push(value);
        }
        at = end;
    }
    Ok(values)
}

/// The octets of a list's records (RFC 6313, 4.5.2): semantic, template, records, which must be those of the column.
fn list_records<'a, 't>(
    column: &Column,
    octets: &'a [u8],
    templates: impl Fn(u16) -> Option<&'t Template>,
) -> Result<&'a [u8], &'static str> {
    let [_, high, low, records @ ..] = octets else {
        return Err("a list is cut");
    };
    let template = templates(u16::from_be_bytes([*high, *low])).ok_or("a list without its template")?;
    if template.fields != column.list {
        return Err("a list of other records than the field's");
    }
    if records.len() % column.list_length() != 0 {
        return Err("the last record of a list is cut");
    }
    Ok(records)
}

/// Number of data records in a message, by templates it has brought itself or `templates` holds.
pub fn count_records(message: &Message<'_>, templates: &mut Templates) -> Result<u32, Malformed> {
    let (mut count, mut found, mut spans) = (0, Vec::new(), Vec::new());
    for set in message.sets() {
        let set = set?;
        let shift = |wrong: Malformed| Malformed::at(set.offset + wrong.offset, wrong.reason);
        if set.id == TEMPLATE_SET {
            read_templates(set.content, false, &mut found).map_err(shift)?;
            templates.extend(found.drain(..).map(|template| ((message.domain(), template.id), template)));
            continue;
        }
        let template = templates.get(&(message.domain(), set.id));
        let template = template.ok_or_else(|| Malformed::at(set.offset, format!("set {}: no template before it", set.id)))?;
        let minimum = template.minimum();
        if minimum == 0 {
            // Its records would never end.
            return Err(Malformed::at(
                set.offset,
                format!("set {}: its records have no octets", set.id),
            ));
        }
        let mut at = 0;
        while set.content.len() - at >= minimum {
            spans.clear();
            at = template.split(set.content, at, &mut spans).map_err(shift)?;
            count += 1;
        }
    }
    Ok(count)
}
