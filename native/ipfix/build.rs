//! Turns the one field table, `faultline/records/fields.toml`, into constants: a column list a record, and a module of column numbers.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use toml::{Table, Value};

const REVERSE_PEN: u32 = 29305;
const OWN_REVERSE_BIT: u16 = 0x4000;
/// Sets of present columns are 128-bit masks.
const MAX_COLUMNS: usize = 128;

struct Element {
    pen: u32,
    id: u16,
    id6: u16,
}

fn main() {
    let path = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../faultline/records/fields.toml");
    println!("cargo:rerun-if-changed={}", path.display());
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let table: Table = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let out = Path::new(&env::var("OUT_DIR").unwrap()).join("records.rs");
    fs::write(out, generate(&table)).unwrap();
    println!("cargo:rerun-if-changed=elements.tsv");
    let out = Path::new(&env::var("OUT_DIR").unwrap()).join("elements.rs");
    fs::write(out, elements_of(&fs::read_to_string("elements.tsv").unwrap())).unwrap();
}

/// IANA's elements as a table sorted by number.
fn elements_of(text: &str) -> String {
    let mut out = String::from("static ELEMENTS: &[(u16, &str, ElementType)] = &[\n");
    let mut last = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [number, name, kind] = parts[..] else {
            panic!("elements.tsv: {line}")
        };
        let number: u16 = number.parse().unwrap();
        assert!(number > last, "elements.tsv: {number} after {last}");
        last = number;
        let variant = kind[..1].to_uppercase() + &kind[1..];
        writeln!(out, "    ({number}, {name:?}, ElementType::{variant}),").unwrap();
    }
    out + "];\n"
}

fn generate(table: &Table) -> String {
    let pen = table["enterprise_number"].as_integer().unwrap() as u32;
    let fields: HashMap<&str, &Table> = tables(table, "field").map(|f| (text(f, "name"), f)).collect();
    let mut out = format!("/// Private enterprise number of our own elements.\npub const ENTERPRISE_NUMBER: u32 = {pen};\n");
    let mut records = String::new();
    for record in tables(table, "record") {
        let name = text(record, "name");
        let (columns, numbers) = columns_of(record, &fields, pen);
        let kind = record["kind"].as_integer().unwrap();
        let stream = record.get("stream").and_then(Value::as_str).unwrap_or("");
        assert!(
            (1..=15).contains(&kind),
            "record {name}: kind {kind} has no range of template ids"
        );
        writeln!(
            records,
            "    Record {{ name: {name:?}, kind: {kind}, stream: {stream:?}, columns: &[{columns}] }},"
        )
        .unwrap();
        writeln!(out, "/// Column numbers of record `{name}`.\npub mod {name} {{\n{numbers}}}").unwrap();
    }
    writeln!(
        out,
        "/// Every record of the field table.\npub static RECORDS: &[Record] = &[\n{records}];"
    )
    .unwrap();
    let own = |name: &str| fields[name]["own"].as_integer().unwrap();
    writeln!(
        out,
        "/// Element `record_kind`, first in every template.\npub const RECORD_KIND: u16 = {};",
        own("record_kind")
    )
    .unwrap();
    out
}

fn columns_of(record: &Table, fields: &HashMap<&str, &Table>, record_pen: u32) -> (String, String) {
    let (mut columns, mut numbers, mut count) = (String::new(), String::new(), 0);
    let mut lists = HashSet::new();
    for entry in record["fields"].as_array().unwrap() {
        let entry = entry.as_str().unwrap();
        let (name, required) = entry.strip_suffix('?').map_or((entry, true), |name| (name, false));
        let field = fields
            .get(name)
            .unwrap_or_else(|| panic!("record {}: no field {name}", text(record, "name")));
        let mut column = |name: &str, element: &Element| {
            let Element { pen, id, id6 } = element;
            let kind = variant(text(field, "type"));
            let spread = field.get("spread").and_then(Value::as_bool).unwrap_or(false);
            let list = list_of(field, fields, record_pen);
            write!(columns, "Column {{ name: {name:?}, kind: Type::{kind}, pen: {pen}, id: {id}, id6: {id6}, required: {required}, spread: {spread}, list: &[{list}] }}, ").unwrap();
            if !list.is_empty() {
                lists.insert(list);
            }
            writeln!(
                numbers,
                "    /// `{name}`\n    pub const {}: usize = {count};",
                name.to_uppercase()
            )
            .unwrap();
            count += 1;
        };
        let (forward, reverse) = elements(field, record_pen);
        column(name, &forward);
        if field.get("reverse").and_then(Value::as_bool).unwrap_or(false) {
            column(&format!("reverse_{name}"), &reverse);
        }
    }
    assert!(count <= MAX_COLUMNS, "record {}: {count} columns", text(record, "name"));
    assert!(lists.len() <= 1, "record {}: lists of two templates", text(record, "name"));
    (columns, numbers)
}

/// The elements of a list's records with their lengths; nothing for a field that is no list.
fn list_of(field: &Table, fields: &HashMap<&str, &Table>, pen: u32) -> String {
    let of = field.get("of").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    of.iter().fold(String::new(), |mut list, name| {
        let member = fields[name.as_str().unwrap()];
        let length = match text(member, "type") {
            "u8" | "bool" => 1,
            "u16" => 2,
            "u32" => 4,
            "u64" | "i64" | "f64" | "time_ns" => 8,
            other => panic!("field {}: {other} in a list has no fixed length", text(member, "name")),
        };
        let (Element { pen, id, .. }, _) = elements(member, pen);
        write!(list, "FieldSpec {{ pen: {pen}, id: {id}, length: {length} }}, ").unwrap();
        list
    })
}

/// The forward element and its reverse twin (RFC 5103).
fn elements(field: &Table, pen: u32) -> (Element, Element) {
    let number = |key: &str| field.get(key).map(|v| u16::try_from(v.as_integer().unwrap()).unwrap());
    let name = text(field, "name");
    match (number("ie"), number("own")) {
        (Some(id), None) => {
            let id6 = number("ie6").unwrap_or(id);
            (
                Element { pen: 0, id, id6 },
                Element {
                    pen: REVERSE_PEN,
                    id,
                    id6,
                },
            )
        }
        (None, Some(id)) => {
            assert!(id < OWN_REVERSE_BIT, "field {name}: own id {id}");
            let twin = id | OWN_REVERSE_BIT;
            (
                Element { pen, id, id6: id },
                Element {
                    pen,
                    id: twin,
                    id6: twin,
                },
            )
        }
        _ => panic!("field {name}: exactly one of ie and own"),
    }
}

fn variant(kind: &str) -> &'static str {
    match kind {
        "u8" => "U8",
        "u16" => "U16",
        "u32" => "U32",
        "u64" => "U64",
        "i64" => "I64",
        "f64" => "F64",
        "bool" => "Bool",
        "string" => "String",
        "octets" => "Octets",
        "address" => "Address",
        "time_ns" => "Time",
        "hist" => "Hist",
        "list" => "List",
        other => panic!("type {other}"),
    }
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table[key].as_array().unwrap().iter().map(|v| v.as_table().unwrap())
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {key} in {table:?}"))
}
