//! Flow records of our own in, datagrams for collectors of others out: plain IPFIX, `NetFlow` v9, and IPFIX with nProbe's elements.
//!
//! Nobody acknowledges these, so templates are sent again and again, in messages of their own. Each direction of a biflow is a record
//! (nProbe's dialect has both in one). It knows no socket and no clock: a message is exported when the one it came from was.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::columns::Value;
use crate::histogram::Histogram;
use crate::message::{Malformed, Message, MESSAGE_HEADER, SET_HEADER, TEMPLATE_SET, VERSION};
use crate::table::flow as column;
use crate::table::{Record, Type};
use crate::template::{read_templates, Template};

const NTOP: u32 = 35_632;
const V9_HEADER: usize = 20;
const V9_TEMPLATE_SET: u16 = 0;
const FIRST_TEMPLATE: u16 = 256;
/// Templates are sent again after so many messages or seconds, whichever comes first.
const AGAIN_MESSAGES: u32 = 20;
const AGAIN_S: u32 = 60;
/// The clock of `NetFlow` v9 counts from this long before the first flow, so that none began before it.
const V9_UPTIME_MS: i64 = 3_600_000;
const MS: i64 = 1_000_000;
/// Smallest message that holds a record.
pub const MIN_OCTETS: usize = 256;

/// What the other side speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// IPFIX with IANA's elements.
    Ipfix,
    /// `NetFlow` version 9.
    Netflow9,
    /// IPFIX with nProbe's elements for TCP; its latencies are half of the round trip.
    Nprobe,
}

impl Dialect {
    /// From its name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ipfix" => Some(Self::Ipfix),
            "netflow9" => Some(Self::Netflow9),
            "nprobe" => Some(Self::Nprobe),
            _ => None,
        }
    }
}

/// One message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its octets.
    pub octets: Vec<u8>,
    /// Data records in it; none in a message of templates.
    pub records: u32,
}

/// A value of a plain record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
    Flags,
    Octets(usize),
    Packets(usize),
    StartMs,
    EndMs,
    StartUptime,
    EndUptime,
    EndReason,
    FlowId,
    /// 1 the initiator's direction, 2 the other one.
    Direction,
    Retransmitted(usize),
    OutOfOrder(usize),
    ClientMs,
    ServerMs,
    ResponseMs,
}

/// Enterprise number, element, octets, value.
type Field = (u32, u16, u16, What);

const ENDS: [Field; 5] = [
    (0, 8, 4, What::Source),
    (0, 12, 4, What::Destination),
    (0, 7, 2, What::SourcePort),
    (0, 11, 2, What::DestinationPort),
    (0, 4, 1, What::Protocol),
];
const COUNTS: [Field; 3] = [
    (0, 6, 1, What::Flags),
    (0, 1, 8, What::Octets(0)),
    (0, 2, 8, What::Packets(0)),
];
const TIMES: [Field; 3] = [
    (0, 152, 8, What::StartMs),
    (0, 153, 8, What::EndMs),
    (0, 136, 1, What::EndReason),
];
const V9_TIMES: [Field; 2] = [(0, 22, 4, What::StartUptime), (0, 21, 4, What::EndUptime)];
const BIFLOW: [Field; 2] = [(0, 148, 8, What::FlowId), (0, 239, 1, What::Direction)];
/// `OUT_BYTES` and `OUT_PKTS`, then what nProbe measures of TCP (v9 ids are 57,472 above).
const BOTH_WAYS: [Field; 9] = [
    (0, 23, 8, What::Octets(1)),
    (0, 24, 8, What::Packets(1)),
    (NTOP, 109, 4, What::Retransmitted(0)),
    (NTOP, 110, 4, What::Retransmitted(1)),
    (NTOP, 111, 4, What::OutOfOrder(0)),
    (NTOP, 112, 4, What::OutOfOrder(1)),
    (NTOP, 123, 4, What::ClientMs),
    (NTOP, 124, 4, What::ServerMs),
    (NTOP, 125, 4, What::ResponseMs),
];

/// The part of a flow record that plain collectors are told.
#[derive(Clone, Debug)]
struct Flow {
    ends: [IpAddr; 2],
    ports: [u16; 2],
    protocol: u8,
    end_reason: u8,
    id: u64,
    start_ms: i64,
    end_ms: i64,
    packets: [u64; 2],
    octets: [u64; 2],
    flags: [u16; 2],
    retransmitted: [u64; 2],
    out_of_order: [u64; 2],
    client_ns: u64,
    server_ns: u64,
    response_ns: u64,
}

impl Default for Flow {
    fn default() -> Self {
        let none = IpAddr::from([0; 4]);
        Self {
            ends: [none; 2],
            ports: [0; 2],
            protocol: 0,
            end_reason: 0,
            id: 0,
            start_ms: 0,
            end_ms: 0,
            packets: [0; 2],
            octets: [0; 2],
            flags: [0; 2],
            retransmitted: [0; 2],
            out_of_order: [0; 2],
            client_ns: 0,
            server_ns: 0,
            response_ns: 0,
        }
    }
}

impl Flow {
    fn set(&mut self, number: usize, value: Value<'_>) {
        let count = match value {
            Value::Unsigned(count) => count,
            _ => 0,
        };
        match (number, value) {
            (column::SOURCE_ADDRESS, Value::Address(address)) => self.ends[0] = address,
            (column::DESTINATION_ADDRESS, Value::Address(address)) => self.ends[1] = address,
            (column::START_NS, Value::Signed(ns)) => self.start_ms = ns / MS,
            (column::END_NS, Value::Signed(ns)) => self.end_ms = ns / MS,
            (column::APPLICATION_RESPONSE, Value::Octets(octets)) => self.response_ns = median(octets),
            (column::SOURCE_PORT, _) => self.ports[0] = count as u16,
            (column::DESTINATION_PORT, _) => self.ports[1] = count as u16,
            (column::PROTOCOL, _) => self.protocol = count as u8,
            (column::END_REASON, _) => self.end_reason = count as u8,
            (column::FLOW_ID, _) => self.id = count,
            (column::RTT_CLIENT_NS, _) => self.client_ns = count,
            (column::RTT_SERVER_NS, _) => self.server_ns = count,
            _ => self.set_twin(number, count),
        }
    }

    fn set_twin(&mut self, number: usize, count: u64) {
        // The reverse twin of a column is the one after it.
        for twin in 0..2 {
            match number.wrapping_sub(twin) {
                column::PACKETS => self.packets[twin] = count,
                column::OCTETS => self.octets[twin] = count,
                column::TCP_FLAGS => self.flags[twin] = count as u16,
                column::RETRANSMISSIONS_WIRESHARK => self.retransmitted[twin] = count,
                column::OUT_OF_ORDER_WIRESHARK => self.out_of_order[twin] = count,
                _ => {}
            }
        }
    }

    /// The other direction.
    fn reversed(&self) -> Self {
        let mut other = self.clone();
        other.ends.reverse();
        other.ports.reverse();
        other.packets.reverse();
        other.octets.reverse();
        other.flags.reverse();
        other
    }
}

/// Median of a histogram's octets; 0 when there is none.
fn median(octets: &[u8]) -> u64 {
    let middle = Histogram::decode(octets).and_then(|histogram| histogram.quantile(0.5));
    middle.map_or(0, |ns| ns.max(0) as u64)
}

/// A message under way.
#[derive(Debug)]
struct Open {
    data: Vec<u8>,
    records: u32,
}

/// Translates; one a target, because of its templates and numbers.
#[derive(Debug)]
pub struct PlainEncoder {
    dialect: Dialect,
    domain: u32,
    max_octets: usize,
    fields: Vec<Field>,
    templates: HashMap<(u32, u16), Template>,
    /// Records of both families that wait.
    open: [Open; 2],
    sequence: u32,
    /// Unix milliseconds when the exporter of v9 began to count.
    began_ms: Option<i64>,
    told: Option<(u32, u32)>,
    out: Vec<Datagram>,
}

impl PlainEncoder {
    /// Messages of at most `max_octets`.
    #[must_use]
    pub fn new(dialect: Dialect, domain: u32, max_octets: usize) -> Self {
        let mut fields = ENDS.to_vec();
        fields.extend(COUNTS);
        match dialect {
            Dialect::Ipfix => fields.extend(TIMES.iter().chain(&BIFLOW)),
            Dialect::Netflow9 => fields.extend(V9_TIMES),
            Dialect::Nprobe => fields.extend(TIMES.iter().chain(&BOTH_WAYS)),
        }
        let open = || Open {
            data: Vec::new(),
            records: 0,
        };
        Self {
            dialect,
            domain,
            max_octets: max_octets.clamp(MIN_OCTETS, usize::from(u16::MAX)),
            fields,
            templates: HashMap::new(),
            open: [open(), open()],
            sequence: 0,
            began_ms: None,
            told: None,
            out: Vec::new(),
        }
    }

    /// The flow records of whole messages, as datagrams that end with them.
    pub fn encode(&mut self, messages: &[u8]) -> Result<Vec<Datagram>, Malformed> {
        let mut at = 0;
        while at < messages.len() {
            let message = Message::read(messages, at)?;
            at += message.octets.len();
            self.message(&message)?;
            self.flush_all(message.export_s());
        }
        Ok(std::mem::take(&mut self.out))
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Malformed> {
        let mut spans = Vec::new();
        for set in message.sets() {
            let set = set?;
            if set.id == TEMPLATE_SET {
                let mut found = Vec::new();
                read_templates(set.content, false, &mut found)?;
                self.templates
                    .extend(found.into_iter().map(|template| ((message.domain(), template.id), template)));
                continue;
            }
            let Some(record) = set.content.first().and_then(|&kind| Record::of_kind(kind)) else {
                continue;
            };
            if record.name != "flow" {
                continue;
            }
            let template = self.templates.get(&(message.domain(), set.id));
            let template = template.ok_or_else(|| Malformed::at(set.offset, "no template before this data set"))?;
            let columns = columns_of(template, record);
            let minimum = template.minimum().max(1);
            let (mut start, mut flows) = (0, Vec::new());
            while set.content.len() - start >= minimum {
                spans.clear();
                start = template.split(set.content, start, &mut spans)?;
                let mut flow = Flow::default();
                for (&(from, to), target) in spans.iter().zip(&columns) {
                    let Some((number, kind)) = *target else { continue };
                    if let Ok(value) = Value::read(kind, &set.content[from..to]) {
                        flow.set(number, value);
                    }
                }
                flows.push(flow);
            }
            for flow in flows {
                self.flow(&flow, message.export_s());
            }
        }
        Ok(())
    }

    fn flow(&mut self, flow: &Flow, export_s: u32) {
        if self.dialect == Dialect::Nprobe {
            self.record(flow, 1, export_s);
            return;
        }
        if flow.packets[0] > 0 {
            self.record(flow, 1, export_s);
        }
        if flow.packets[1] > 0 {
            self.record(&flow.reversed(), 2, export_s);
        }
    }

    fn record(&mut self, flow: &Flow, direction: u8, export_s: u32) {
        let began_ms = *self.began_ms.get_or_insert(flow.start_ms - V9_UPTIME_MS);
        let family = usize::from(flow.ends[0].is_ipv6());
        let before = self.open[family].data.len();
        put_record(&mut self.open[family].data, &self.fields, flow, direction, began_ms);
        let frame = self.header_octets() + SET_HEADER;
        if frame + self.open[family].data.len() > self.max_octets && before > 0 {
            let row = self.open[family].data.split_off(before);
            self.flush(family, export_s);
            self.open[family].data = row;
        }
        self.open[family].records += 1;
    }

    const fn header_octets(&self) -> usize {
        match self.dialect {
            Dialect::Netflow9 => V9_HEADER,
            Dialect::Ipfix | Dialect::Nprobe => MESSAGE_HEADER,
        }
    }

    fn flush_all(&mut self, export_s: u32) {
        for family in 0..2 {
            self.flush(family, export_s);
        }
    }

    fn flush(&mut self, family: usize, export_s: u32) {
        let Open { data, records } = std::mem::replace(
            &mut self.open[family],
            Open {
                data: Vec::new(),
                records: 0,
            },
        );
        if records == 0 {
            return;
        }
        let due = self
            .told
            .is_none_or(|(messages, at_s)| messages >= AGAIN_MESSAGES || export_s.wrapping_sub(at_s) >= AGAIN_S);
        if due {
            let templates = self.template_set();
            self.put(&templates, 0, 2, export_s);
            self.told = Some((0, export_s));
        }
        let mut set = (FIRST_TEMPLATE + family as u16).to_be_bytes().to_vec();
        set.extend_from_slice(&((data.len() + SET_HEADER) as u16).to_be_bytes());
        set.extend_from_slice(&data);
        self.put(&set, records, records, export_s);
        if let Some((messages, _)) = &mut self.told {
            *messages += 1;
        }
    }

    /// Both templates, IPv4 and IPv6.
    fn template_set(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for family in 0..2u16 {
            content.extend_from_slice(&(FIRST_TEMPLATE + family).to_be_bytes());
            content.extend_from_slice(&(self.fields.len() as u16).to_be_bytes());
            for &(pen, id, length, what) in &self.fields {
                let (id, length) = match (family, what) {
                    (1, What::Source) => (27, 16),
                    (1, What::Destination) => (28, 16),
                    _ => (id, length),
                };
                let enterprise = if pen == 0 { 0 } else { 0x8000 };
                content.extend_from_slice(&(id | enterprise).to_be_bytes());
                content.extend_from_slice(&length.to_be_bytes());
                if pen != 0 {
                    content.extend_from_slice(&pen.to_be_bytes());
                }
            }
        }
        let id = if self.dialect == Dialect::Netflow9 {
            V9_TEMPLATE_SET
        } else {
            TEMPLATE_SET
        };
        let mut set = id.to_be_bytes().to_vec();
        set.extend_from_slice(&((content.len() + SET_HEADER) as u16).to_be_bytes());
        set.extend_from_slice(&content);
        set
    }

    /// A message of one set; `count` is what v9 counts: data and template records.
    fn put(&mut self, set: &[u8], records: u32, count: u32, export_s: u32) {
        let mut octets = Vec::with_capacity(V9_HEADER + set.len());
        if self.dialect == Dialect::Netflow9 {
            let uptime = (i64::from(export_s) * 1000 - self.began_ms.unwrap_or(0)).max(0) as u32;
            octets.extend_from_slice(&9u16.to_be_bytes());
            octets.extend_from_slice(&(count as u16).to_be_bytes());
            octets.extend_from_slice(&uptime.to_be_bytes());
            octets.extend_from_slice(&export_s.to_be_bytes());
            // v9 counts messages, IPFIX the data records before this one.
            octets.extend_from_slice(&self.sequence.to_be_bytes());
            octets.extend_from_slice(&self.domain.to_be_bytes());
            self.sequence = self.sequence.wrapping_add(1);
        } else {
            octets.extend_from_slice(&VERSION.to_be_bytes());
            octets.extend_from_slice(&((MESSAGE_HEADER + set.len()) as u16).to_be_bytes());
            octets.extend_from_slice(&export_s.to_be_bytes());
            octets.extend_from_slice(&self.sequence.to_be_bytes());
            octets.extend_from_slice(&self.domain.to_be_bytes());
            self.sequence = self.sequence.wrapping_add(records);
        }
        octets.extend_from_slice(set);
        self.out.push(Datagram { octets, records });
    }
}

/// Which column each field of a template fills.
fn columns_of(template: &Template, record: &'static Record) -> Vec<Option<(usize, Type)>> {
    let column = |pen, id| record.column_of(pen, id).map(|number| (number, record.columns[number].kind));
    template.fields.iter().map(|field| column(field.pen, field.id)).collect()
}

fn put_record(out: &mut Vec<u8>, fields: &[Field], flow: &Flow, direction: u8, began_ms: i64) {
    let half_ms = |ns: u64| ns / 2 / MS as u64;
    let uptime = |ms: i64| (ms - began_ms).max(0) as u64;
    for &(_, _, length, what) in fields {
        let number = match what {
            What::Source | What::Destination => {
                match flow.ends[usize::from(what == What::Destination)] {
                    IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
                    IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()),
                }
                continue;
            }
            What::SourcePort => u64::from(flow.ports[0]),
            What::DestinationPort => u64::from(flow.ports[1]),
            What::Protocol => u64::from(flow.protocol),
            What::Flags => u64::from(flow.flags[0] & 0xff),
            What::Octets(way) => flow.octets[way],
            What::Packets(way) => flow.packets[way],
            What::StartMs => flow.start_ms.max(0) as u64,
            What::EndMs => flow.end_ms.max(0) as u64,
            What::StartUptime => uptime(flow.start_ms),
            What::EndUptime => uptime(flow.end_ms),
            What::EndReason => u64::from(flow.end_reason),
            What::FlowId => flow.id,
            What::Direction => u64::from(direction),
            What::Retransmitted(way) => flow.retransmitted[way],
            What::OutOfOrder(way) => flow.out_of_order[way],
            What::ClientMs => half_ms(flow.client_ns),
            What::ServerMs => half_ms(flow.server_ns),
            What::ResponseMs => flow.response_ns / MS as u64,
        };
        let number = if length < 8 {
            number.min((1 << (8 * length)) - 1)
        } else {
            number
        };
        out.extend_from_slice(&number.to_be_bytes()[8 - usize::from(length)..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Encoder;

    /// `flows` biflows, every other one of IPv6, each with 3 packets of 300 octets forward and one of 60 back.
    fn messages(flows: u32) -> Vec<u8> {
        let mut encoder = Encoder::new(Record::named("flow").unwrap(), 1_700_000_010, 0, 0);
        for n in 0..flows {
            for (number, address) in [(column::SOURCE_ADDRESS, 1), (column::DESTINATION_ADDRESS, 2)] {
                let address = if n % 2 == 0 {
                    IpAddr::from([10, 0, 0, address])
                } else {
                    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(address)])
                };
                encoder.set_address(number, address);
            }
            for (number, ns) in [(column::START_NS, 0), (column::END_NS, 5_000_000), (column::FLOW_START_NS, 0)] {
                encoder.set_time(number, 1_700_000_000_000_000_000 + ns).unwrap();
            }
            for (number, value) in [
                (column::FLOW_ID, u64::MAX),
                (column::PROTOCOL, 6),
                (column::SOURCE_PORT, 40_000),
                (column::DESTINATION_PORT, 443),
                (column::END_REASON, 1),
                (column::PACKETS, 3),
                (column::PACKETS + 1, 1),
                (column::OCTETS, 300),
                (column::OCTETS + 1, 60),
                (column::FRAME_OCTETS, 342),
                (column::FRAME_OCTETS + 1, 74),
                (column::DUPLICATES, 0),
                (column::DUPLICATES + 1, 0),
                (column::RTT_SERVER_NS, 8_000_000),
            ] {
                encoder.set_u64(number, value);
            }
            encoder.set_octets(column::ENCAPSULATION, b"");
            encoder.commit().unwrap();
        }
        encoder.finish()
    }

    #[test]
    fn every_direction_is_a_record_and_templates_come_first_and_again() {
        for (dialect, records) in [(Dialect::Ipfix, 400), (Dialect::Netflow9, 400), (Dialect::Nprobe, 200)] {
            let mut encoder = PlainEncoder::new(dialect, 7, 512);
            let datagrams = encoder.encode(&messages(200)).unwrap();
            assert!(datagrams.iter().all(|datagram| datagram.octets.len() <= 512), "{dialect:?}");
            assert_eq!(datagrams.iter().map(|datagram| datagram.records).sum::<u32>(), records);
            assert_eq!(datagrams[0].records, 0);
            let templates = datagrams.iter().filter(|datagram| datagram.records == 0).count();
            assert_eq!(templates, (datagrams.len() - templates).div_ceil(AGAIN_MESSAGES as usize));
        }
    }

    #[test]
    fn latencies_of_nprobe_are_half_of_ours() {
        let mut encoder = PlainEncoder::new(Dialect::Nprobe, 0, 1400);
        let datagrams = encoder.encode(&messages(1)).unwrap();
        let octets = &datagrams[1].octets;
        assert_eq!(octets[octets.len() - 8..octets.len() - 4], [0, 0, 0, 4]);
    }

    #[test]
    fn sequence_numbers_count_records_in_ipfix_and_messages_in_v9() {
        let mut encoder = PlainEncoder::new(Dialect::Ipfix, 0, 1400);
        let first = encoder.encode(&messages(1)).unwrap();
        let second = encoder.encode(&messages(1)).unwrap();
        assert_eq!((first.len(), second.len()), (2, 1));
        assert_eq!(second[0].octets[8..12], [0, 0, 0, 2]);
        let mut encoder = PlainEncoder::new(Dialect::Netflow9, 0, 1400);
        encoder.encode(&messages(1)).unwrap();
        assert_eq!(encoder.encode(&messages(1)).unwrap()[0].octets[12..16], [0, 0, 0, 2]);
    }

    #[test]
    fn octets_that_are_no_messages_are_told_and_do_no_harm() {
        let good = messages(3);
        for end in 1..good.len() {
            assert!(PlainEncoder::new(Dialect::Ipfix, 0, 512).encode(&good[..end]).is_err());
        }
    }
}
