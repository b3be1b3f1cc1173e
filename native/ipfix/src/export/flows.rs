//! Rows of exported flows to columns: the words of exporters become those of our flow records.
//!
//! Goes in: decoded rows. Comes out: one Arrow record batch, a column a property, null where the exporter did not say. Nothing is made
//! up: a sampling factor that nobody told is null and says so. What counts nothing (options, counters of interfaces, events) is no
//! flow and is counted by kind. The rules stand in plain words in the oracle beside the Python tests; both run on every datagram.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, UInt16Builder, UInt32Builder, UInt64Builder, UInt8Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::{Fields, Name, Row, Value};

const MS_NS: i64 = 1_000_000;
const US_NS: i64 = 1_000;
const SECOND_NS: i64 = 1_000_000_000;
/// Uptimes of `NetFlow` are 32 bits of milliseconds: they begin anew every 49.7 days.
const UPTIME_NS: i64 = (1 << 32) * MS_NS;
/// Beyond it times are nonsense, and sums of them no 64 bits.
const MAX_NS: i64 = 1 << 62;

/// What a row was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A flow; it is in the columns.
    Flow,
    /// Options about other records.
    Options,
    /// `sFlow`'s counters of an interface.
    Counters,
    /// What counts nothing: events, discarded packets, what vendors say beside flows.
    Other,
}

/// Columns with whole numbers: name, largest value, and the elements that say it, the best first.
const NUMBERS: [(&str, u64, &[&str]); 18] = [
    (
        "source_port",
        0xFFFF,
        &["sourceTransportPort", "udpSourcePort", "tcpSourcePort"],
    ),
    (
        "destination_port",
        0xFFFF,
        &["destinationTransportPort", "udpDestinationPort", "tcpDestinationPort"],
    ),
    ("protocol", 0xFF, &["protocolIdentifier"]),
    (
        "packets",
        u64::MAX,
        &[
            "packetDeltaCount",
            "postPacketDeltaCount",
            "packetTotalCount",
            "postPacketTotalCount",
            "initiatorPackets",
        ],
    ),
    (
        "octets",
        u64::MAX,
        &[
            "octetDeltaCount",
            "postOctetDeltaCount",
            "octetTotalCount",
            "postOctetTotalCount",
            "initiatorOctets",
        ],
    ),
    ("frame_octets", u64::MAX, &["layer2OctetDeltaCount", "layer2OctetTotalCount"]),
    (
        "reverse_packets",
        u64::MAX,
        &["reversePacketDeltaCount", "reversePacketTotalCount", "responderPackets"],
    ),
    (
        "reverse_octets",
        u64::MAX,
        &["reverseOctetDeltaCount", "reverseOctetTotalCount", "responderOctets"],
    ),
    ("tcp_flags", 0xFFFF, &["tcpControlBits"]),
    ("reverse_tcp_flags", 0xFFFF, &["reverseTcpControlBits"]),
    ("traffic_class", 0xFF, &["ipClassOfService"]),
    ("ingress_interface", 0xFFFF_FFFF, &["ingressInterface"]),
    ("egress_interface", 0xFFFF_FFFF, &["egressInterface"]),
    ("vlan", 0xFFFF, &["vlanId", "dot1qVlanId"]),
    ("source_as", 0xFFFF_FFFF, &["bgpSourceAsNumber"]),
    ("destination_as", 0xFFFF_FFFF, &["bgpDestinationAsNumber"]),
    ("vrf", 0xFFFF_FFFF, &["ingressVRFID"]),
    // Not a column: which of the two interfaces a flow was metered at.
    ("direction", 0xFF, &["flowDirection"]),
];
const PACKETS: usize = 3;
const OCTETS: usize = 4;
const FRAME_OCTETS: usize = 5;
const REVERSE_OCTETS: usize = 7;
const DIRECTION: usize = 17;

/// Columns with text, and the elements that say it.
const TEXTS: [(&str, &[&str]); 5] = [
    ("source_address", &["sourceIPv4Address", "sourceIPv6Address"]),
    ("destination_address", &["destinationIPv4Address", "destinationIPv6Address"]),
    (
        "next_hop",
        &[
            "ipNextHopIPv4Address",
            "ipNextHopIPv6Address",
            "bgpNextHopIPv4Address",
            "bgpNextHopIPv6Address",
        ],
    ),
    ("interface_name", &["interfaceName"]),
    ("application", &["applicationName"]),
];
const NEXT_HOP: usize = 2;
const INTERFACE_NAME: usize = 3;
const APPLICATION: usize = 4;

const STARTS: [(&str, i64); 7] = [
    ("flowStartNanoseconds", 1),
    ("flowStartMicroseconds", US_NS),
    ("flowStartMilliseconds", MS_NS),
    ("flowStartSeconds", SECOND_NS),
    ("observationTimeNanoseconds", 1),
    ("observationTimeMicroseconds", US_NS),
    ("observationTimeMilliseconds", MS_NS),
];
const ENDS: [(&str, i64); 4] = [
    ("flowEndNanoseconds", 1),
    ("flowEndMicroseconds", US_NS),
    ("flowEndMilliseconds", MS_NS),
    ("flowEndSeconds", SECOND_NS),
];
const DURATIONS: [(&str, i64); 2] = [("flowDurationMicroseconds", US_NS), ("flowDurationMilliseconds", MS_NS)];
/// Times that count from another one: uptimes from the start of the exporter, deltas back from the export.
const RELATIVE: [&str; 5] = [
    "flowStartSysUpTime",
    "flowEndSysUpTime",
    "flowStartDeltaMicroseconds",
    "flowEndDeltaMicroseconds",
    "systemInitTimeMilliseconds",
];
const SAMPLING: [&str; 7] = [
    "samplingInterval",
    "samplerRandomInterval",
    "samplingPacketInterval",
    "samplingPacketSpace",
    "samplingSize",
    "samplingPopulation",
    "samplingProbability",
];
/// What may say the sampling of a record, the closest first.
const SAMPLING_SCOPES: [&str; 6] = [
    "samplerId",
    "selectorId",
    "ingressInterface",
    "egressInterface",
    "template",
    "domain",
];
/// Lengths of a packet that was sampled.
const LENGTHS: [&str; 2] = ["ipTotalLength", "dataLinkFrameSize"];

/// Where an element goes.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Nowhere,
    Number(usize, u8),
    Text(usize, u8),
    Start(u8),
    End(u8),
    Duration(u8),
    Relative(u8),
    Sampling(u8),
    Length(u8),
}

fn slot_of(name: &str) -> Slot {
    let rank = |of: &[&str]| of.iter().position(|known| *known == name).map(|rank| rank as u8);
    let timed = |of: &[(&str, i64)]| of.iter().position(|(known, _)| *known == name).map(|rank| rank as u8);
    let number = NUMBERS
        .iter()
        .enumerate()
        .find_map(|(at, (_, _, of))| rank(of).map(|rank| Slot::Number(at, rank)));
    let text = || {
        TEXTS
            .iter()
            .enumerate()
            .find_map(|(at, (_, of))| rank(of).map(|rank| Slot::Text(at, rank)))
    };
    number
        .or_else(text)
        .or_else(|| timed(&STARTS).map(Slot::Start))
        .or_else(|| timed(&ENDS).map(Slot::End))
        .or_else(|| timed(&DURATIONS).map(Slot::Duration))
        .or_else(|| rank(&RELATIVE).map(Slot::Relative))
        .or_else(|| rank(&SAMPLING).map(Slot::Sampling))
        .or_else(|| rank(&LENGTHS).map(Slot::Length))
        .unwrap_or(Slot::Nowhere)
}

/// Where the elements of the row before went. Rows of one template follow each other, and names are looked up once for all of them.
#[derive(Debug, Default)]
struct Plan(Vec<(usize, Slot)>);

impl Plan {
    fn slot(&mut self, at: usize, name: &Name) -> Slot {
        // Only a name of the tables has a place of its own for as long as the program runs.
        let Cow::Borrowed(known) = name else { return slot_of(name) };
        let place = known.as_ptr() as usize;
        if let Some(&(_, slot)) = self.0.get(at).filter(|(before, _)| *before == place) {
            return slot;
        }
        let slot = slot_of(known);
        self.0.resize(self.0.len().max(at + 1), (0, Slot::Nowhere));
        self.0[at] = (place, slot);
        slot
    }
}

/// What a record says, by slot; of several elements for one thing the best.
struct Said<'a> {
    numbers: [Option<(u8, u64)>; NUMBERS.len()],
    texts: [Option<(u8, &'a str)>; TEXTS.len()],
    start: Option<(u8, i64)>,
    end: Option<(u8, i64)>,
    duration: Option<(u8, i64)>,
    relative: [Option<u64>; RELATIVE.len()],
    sampling: [Option<f64>; SAMPLING.len()],
    lengths: [Option<u64>; LENGTHS.len()],
}

impl<'a> Said<'a> {
    fn of(record: &'a Fields, plan: &mut Plan) -> Self {
        let mut said = Self {
            numbers: [None; NUMBERS.len()],
            texts: [None; TEXTS.len()],
            start: None,
            end: None,
            duration: None,
            relative: [None; RELATIVE.len()],
            sampling: [None; SAMPLING.len()],
            lengths: [None; LENGTHS.len()],
        };
        for (at, (name, value)) in record.iter().enumerate() {
            said.put(plan.slot(at, name), value);
        }
        said
    }

    fn put(&mut self, slot: Slot, value: &'a Value) {
        let unsigned = if let Value::Unsigned(number) = value {
            Some(*number)
        } else {
            None
        };
        match slot {
            Slot::Nowhere => {}
            Slot::Number(at, rank) => best(
                &mut self.numbers[at],
                rank,
                unsigned.filter(|number| *number <= NUMBERS[at].1),
            ),
            Slot::Text(at, rank) => {
                let text = if let Value::Text(text) = value {
                    Some(text.as_str())
                } else {
                    None
                };
                best(&mut self.texts[at], rank, text.filter(|text| !text.is_empty()));
            }
            Slot::Start(rank) => best(&mut self.start, rank, instant(unsigned, STARTS[usize::from(rank)].1)),
            Slot::End(rank) => best(&mut self.end, rank, instant(unsigned, ENDS[usize::from(rank)].1)),
            Slot::Duration(rank) => {
                let unit = DURATIONS[usize::from(rank)].1;
                best(&mut self.duration, rank, unsigned.map(|number| scaled(number, unit)));
            }
            Slot::Relative(at) => self.relative[usize::from(at)] = unsigned,
            Slot::Sampling(at) => self.sampling[usize::from(at)] = number_of(value),
            Slot::Length(at) => self.lengths[usize::from(at)] = unsigned,
        }
    }

    fn number(&self, at: usize) -> Option<u64> {
        self.numbers[at].map(|(_, number)| number)
    }
}

fn best<T>(slot: &mut Option<(u8, T)>, rank: u8, value: Option<T>) {
    if let Some(value) = value {
        if slot.as_ref().is_none_or(|(known, _)| rank < *known) {
            *slot = Some((rank, value));
        }
    }
}

fn scaled(number: u64, unit: i64) -> i64 {
    i64::try_from(number).unwrap_or(MAX_NS).saturating_mul(unit).min(MAX_NS)
}

fn instant(number: Option<u64>, unit: i64) -> Option<i64> {
    let at = i64::try_from(number?).ok()?.checked_mul(unit)?;
    (0 < at && at <= MAX_NS).then_some(at)
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Unsigned(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// First and last packet on the exporter's clock; of a flow that tells neither, when it was exported.
fn times(said: &Said<'_>, row: &Row, received_ns: i64) -> (i64, i64) {
    let export_ns = row.export_ns.unwrap_or(received_ns);
    let start = said.start.map(|(_, at)| at).or_else(|| relative(said, row, 0));
    let end = said.end.map(|(_, at)| at).or_else(|| relative(said, row, 1));
    let lasted = said.duration.map(|(_, lasted)| lasted);
    let end = end.unwrap_or_else(|| {
        start
            .zip(lasted)
            .map_or(export_ns, |(start, lasted)| start.saturating_add(lasted))
    });
    let start = start.unwrap_or_else(|| lasted.map_or(end, |lasted| end.saturating_sub(lasted)));
    let end = end.clamp(0, MAX_NS);
    // A flow that ends before it begins is one whose end is right: it was exported then.
    if (0..=end).contains(&start) {
        (start, end)
    } else {
        (end, end)
    }
}

/// A start (0) or an end (1) by the exporter's uptime, or back from the export.
fn relative(said: &Said<'_>, row: &Row, which: usize) -> Option<i64> {
    let told = said.relative[4].map(|init| scaled(init, MS_NS));
    if let (Some(uptime), Some(init)) = (said.relative[which], told.or(row.system_init_ns)) {
        let at = init.saturating_add(scaled(uptime, MS_NS));
        let wrapped = row
            .export_ns
            .is_some_and(|export_ns| at > export_ns.saturating_add(UPTIME_NS / 2));
        return Some(if wrapped { at - UPTIME_NS } else { at });
    }
    let back = scaled(said.relative[2 + which]?, US_NS);
    row.export_ns.map(|export_ns| export_ns.saturating_sub(back))
}

/// How many packets one stands for, as far as one set of elements tells.
fn factor_of(sampling: &[Option<f64>; SAMPLING.len()]) -> Option<f64> {
    let [interval, random, taken, passed, size, population, probability] = *sampling;
    // An interval of 0 says nothing, in particular not "every packet".
    if let Some(interval) = [interval, random].into_iter().flatten().find(|interval| *interval > 0.0) {
        return Some(interval);
    }
    if let Some(taken) = taken.filter(|taken| *taken > 0.0) {
        return Some((taken + passed.unwrap_or(0.0)) / taken);
    }
    if let (Some(size), Some(population)) = (size, population) {
        if 0.0 < size && size <= population {
            return Some(population / size);
        }
    }
    probability.filter(|share| 0.0 < *share && *share <= 1.0).map(f64::recip)
}

fn factor_in(fields: &Fields) -> Option<f64> {
    let mut sampling = [None; SAMPLING.len()];
    for (name, value) in fields {
        if let Some(at) = SAMPLING.iter().position(|known| known == name) {
            sampling[at] = number_of(value);
        }
    }
    factor_of(&sampling)
}

fn sampling_of(said: &Said<'_>, row: &Row) -> Option<f64> {
    factor_of(&said.sampling).or_else(|| {
        let of = |scope: &&str| row.options.iter().find(|(name, _)| name == scope).map(|(_, fields)| fields);
        SAMPLING_SCOPES.iter().filter_map(of).find_map(factor_in)
    })
}

/// A text that options give to a record by a scope.
fn option_text<'a>(row: &'a Row, scopes: [&str; 2], element: &str) -> Option<&'a str> {
    let of = |scope: &&str| row.options.iter().find(|(name, _)| name == scope).map(|(_, fields)| fields);
    scopes.iter().filter_map(of).find_map(|fields| {
        fields.iter().find_map(|(name, value)| match value {
            Value::Text(text) if name == element && !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    })
}

enum Numbers {
    U8(UInt8Builder),
    U16(UInt16Builder),
    U32(UInt32Builder),
    U64(UInt64Builder),
}

impl Numbers {
    fn new(limit: u64) -> Self {
        match limit {
            0xFF => Self::U8(UInt8Builder::new()),
            0xFFFF => Self::U16(UInt16Builder::new()),
            0xFFFF_FFFF => Self::U32(UInt32Builder::new()),
            _ => Self::U64(UInt64Builder::new()),
        }
    }

    /// A value within the limit.
    fn push(&mut self, value: Option<u64>) {
        match self {
            Self::U8(column) => column.append_option(value.map(|number| number as u8)),
            Self::U16(column) => column.append_option(value.map(|number| number as u16)),
            Self::U32(column) => column.append_option(value.map(|number| number as u32)),
            Self::U64(column) => column.append_option(value),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::U8(column) => Arc::new(column.finish()),
            Self::U16(column) => Arc::new(column.finish()),
            Self::U32(column) => Arc::new(column.finish()),
            Self::U64(column) => Arc::new(column.finish()),
        }
    }
}

/// Flows under way to a record batch.
pub struct FlowColumns {
    plan: Plan,
    exporter: StringBuilder,
    export_protocol: StringBuilder,
    domain: UInt32Builder,
    export_ns: Int64Builder,
    start_ns: Int64Builder,
    end_ns: Int64Builder,
    numbers: Vec<Numbers>,
    texts: Vec<StringBuilder>,
    metered_at_egress: BooleanBuilder,
    sampling_factor: Float64Builder,
    sampling_source: StringBuilder,
}

impl Default for FlowColumns {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            exporter: StringBuilder::new(),
            export_protocol: StringBuilder::new(),
            domain: UInt32Builder::new(),
            export_ns: Int64Builder::new(),
            start_ns: Int64Builder::new(),
            end_ns: Int64Builder::new(),
            numbers: NUMBERS[..DIRECTION]
                .iter()
                .map(|(_, limit, _)| Numbers::new(*limit))
                .collect(),
            texts: TEXTS.iter().map(|_| StringBuilder::new()).collect(),
            metered_at_egress: BooleanBuilder::new(),
            sampling_factor: Float64Builder::new(),
            sampling_source: StringBuilder::new(),
        }
    }
}

impl FlowColumns {
    /// Add a row if it is a flow; tells what it is. `received_ns` is the time of flows that tell none, `configured` the sampling
    /// factor of exporters that do not tell it.
    pub fn push(&mut self, row: &Row, received_ns: i64, configured: Option<f64>) -> Sort {
        if !row.scope.is_empty() {
            return Sort::Options;
        }
        match row.sample {
            None | Some("flow") => {}
            Some("counters") => return Sort::Counters,
            Some(_) => return Sort::Other,
        }
        let mut said = Said::of(&row.record, &mut self.plan);
        if row.sample.is_some() {
            sampled_packet(&mut said);
        }
        if said.numbers[PACKETS..=REVERSE_OCTETS].iter().all(Option::is_none) {
            return Sort::Other;
        }
        self.flow(row, &said, received_ns, configured);
        Sort::Flow
    }

    fn flow(&mut self, row: &Row, said: &Said<'_>, received_ns: i64, configured: Option<f64>) {
        self.exporter.append_value(&row.exporter);
        self.export_protocol.append_value(row.protocol.name());
        self.domain.append_value(row.domain);
        self.export_ns.append_option(row.export_ns);
        let (start, end) = times(said, row, received_ns);
        self.start_ns.append_value(start);
        self.end_ns.append_value(end);
        for (at, column) in self.numbers.iter_mut().enumerate() {
            column.push(said.number(at));
        }
        let at_egress = said.number(DIRECTION) == Some(1);
        self.metered_at_egress.append_option(at_egress.then_some(true));
        let point = if at_egress { "egressInterface" } else { "ingressInterface" };
        for (at, column) in self.texts.iter_mut().enumerate() {
            let text = said.texts[at].map(|(_, text)| text);
            column.append_option(match at {
                NEXT_HOP => text.filter(|hop| !matches!(*hop, "0.0.0.0" | "::")),
                INTERFACE_NAME => text.or_else(|| option_text(row, [point, "applicationId"], "interfaceName")),
                APPLICATION => text.or_else(|| option_text(row, [point, "applicationId"], "applicationName")),
                _ => text,
            });
        }
        let told = sampling_of(said, row);
        self.sampling_factor.append_option(told.or(configured));
        self.sampling_source.append_value(match (told, configured) {
            (Some(_), _) => "told",
            (None, Some(_)) => "configured",
            (None, None) => "unknown",
        });
    }

    /// The columns.
    ///
    /// # Errors
    /// Never for columns of one length, which these are.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let mut fields = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        let mut add = |name: &str, column: ArrayRef| {
            fields.push(Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        };
        add("exporter", Arc::new(self.exporter.finish()));
        add("export_protocol", Arc::new(self.export_protocol.finish()));
        add("domain", Arc::new(self.domain.finish()));
        add("export_ns", Arc::new(self.export_ns.finish()));
        add("start_ns", Arc::new(self.start_ns.finish()));
        add("end_ns", Arc::new(self.end_ns.finish()));
        for (column, (name, _)) in self.texts.iter_mut().zip(TEXTS) {
            add(name, Arc::new(column.finish()));
        }
        for (column, (name, _, _)) in self.numbers.iter_mut().zip(NUMBERS) {
            add(name, column.finish());
        }
        add("metered_at_egress", Arc::new(self.metered_at_egress.finish()));
        add("sampling_factor", Arc::new(self.sampling_factor.finish()));
        add("sampling_source", Arc::new(self.sampling_source.finish()));
        debug_assert!(fields.iter().all(|field| *field.data_type() != DataType::Null));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

/// A sampled packet is a flow of one packet.
fn sampled_packet(said: &mut Said<'_>) {
    said.numbers[PACKETS] = Some((0, 1));
    let [packet, frame] = said.lengths;
    best(&mut said.numbers[OCTETS], 0, packet);
    best(&mut said.numbers[FRAME_OCTETS], 0, frame);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Protocol;

    fn row(record: Vec<(&'static str, Value)>) -> Row {
        Row {
            exporter: "e".into(),
            protocol: Protocol::Netflow9,
            domain: 7,
            sequence: 1,
            template: Some(256),
            export_ns: Some(1_000 * SECOND_NS),
            system_init_ns: Some(900 * SECOND_NS),
            sample: None,
            record: record.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect(),
            scope: Vec::new(),
            options: Vec::new(),
            held: false,
        }
    }

    #[test]
    fn what_counts_nothing_is_no_flow() {
        let mut columns = FlowColumns::default();
        let event = row(vec![("sourceIPv4Address", Value::Text("10.0.0.1".into()))]);
        assert_eq!(columns.push(&event, 0, None), Sort::Other);
        let flow = row(vec![("octetDeltaCount", Value::Unsigned(5))]);
        assert_eq!(columns.push(&flow, 0, None), Sort::Flow);
        assert_eq!(columns.finish().map(|batch| batch.num_rows()).ok(), Some(1));
    }

    #[test]
    fn the_best_element_counts_whatever_the_order() {
        let flow = row(vec![
            ("octetTotalCount", Value::Unsigned(9)),
            ("octetDeltaCount", Value::Unsigned(5)),
        ]);
        let said = Said::of(&flow.record, &mut Plan::default());
        assert_eq!(said.number(OCTETS), Some(5));
    }

    #[test]
    fn uptimes_count_from_the_exporters_start() {
        let flow = row(vec![
            ("flowStartSysUpTime", Value::Unsigned(10_000)),
            ("flowEndSysUpTime", Value::Unsigned(20_000)),
        ]);
        let said = Said::of(&flow.record, &mut Plan::default());
        assert_eq!(times(&said, &flow, 0), (910 * SECOND_NS, 920 * SECOND_NS));
    }

    #[test]
    fn an_interval_of_0_tells_nothing() {
        let mut sampling = [None; SAMPLING.len()];
        sampling[0] = Some(0.0);
        assert_eq!(factor_of(&sampling), None);
        sampling[2] = Some(1.0);
        sampling[3] = Some(99.0);
        assert_eq!(factor_of(&sampling), Some(100.0));
    }
}
