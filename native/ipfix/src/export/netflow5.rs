//! `NetFlow` version 5: a header of 24 octets and up to 30 records of 48, under the names of the IANA elements with the same meaning.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::{Bad, Call, Fields, Protocol, Row, Value};
use crate::message::{u16_at, u32_at, unsigned};

const HEADER: usize = 24;
const RECORD: usize = 48;
/// A version 5 datagram holds 1 to 30 records.
const MAX_RECORDS: usize = 30;
const SECOND_NS: i64 = 1_000_000_000;
const MS_NS: i64 = 1_000_000;

/// Name, first octet, length. Addresses are the fields named so.
const FIELDS: [(&str, usize, usize); 18] = [
    ("sourceIPv4Address", 0, 4),
    ("destinationIPv4Address", 4, 4),
    ("ipNextHopIPv4Address", 8, 4),
    ("ingressInterface", 12, 2),
    ("egressInterface", 14, 2),
    ("packetDeltaCount", 16, 4),
    ("octetDeltaCount", 20, 4),
    ("flowStartSysUpTime", 24, 4),
    ("flowEndSysUpTime", 28, 4),
    ("sourceTransportPort", 32, 2),
    ("destinationTransportPort", 34, 2),
    ("tcpControlBits", 37, 1),
    ("protocolIdentifier", 38, 1),
    ("ipClassOfService", 39, 1),
    ("bgpSourceAsNumber", 40, 2),
    ("bgpDestinationAsNumber", 42, 2),
    ("sourceIPv4PrefixLength", 44, 1),
    ("destinationIPv4PrefixLength", 45, 1),
];

impl Call<'_> {
    /// One v5 datagram at `at`; gives where the next one starts.
    pub(super) fn netflow5(&mut self, octets: &[u8], at: usize) -> Result<usize, Bad> {
        let left = &octets[at..];
        if left.len() < HEADER {
            return Err(Bad::at(
                "truncated",
                at,
                format!("{} octets are too few for a v5 header", left.len()),
            ));
        }
        let count = usize::from(u16_at(left, 2));
        if count == 0 || count > MAX_RECORDS {
            return Err(Bad::at(
                "malformed message",
                at + 2,
                format!("{count} records in a v5 datagram"),
            ));
        }
        let end = HEADER + RECORD * count;
        if end > left.len() {
            return Err(Bad::at(
                "truncated",
                at + 2,
                format!("{count} v5 records need {end} octets, {} are there", left.len()),
            ));
        }
        let (row, key) = self.v5_row(left);
        for record in left[HEADER..end].chunks_exact(RECORD) {
            self.rows.push(Row {
                record: FIELDS.iter().map(|field| v5_value(record, *field)).collect(),
                ..row.clone()
            });
        }
        self.session.sequences.saw(&key, row.sequence, Some(count as u32));
        Ok(at + end)
    }

    fn v5_row(&self, header: &[u8]) -> (Row, super::SessionKey) {
        let export_ns = i64::from(u32_at(header, 8)) * SECOND_NS + i64::from(u32_at(header, 12));
        let key = self.key(Protocol::Netflow5, u32::from(u16_at(header, 20)));
        let row = Row {
            exporter: key.exporter.clone(),
            protocol: key.protocol,
            domain: key.domain,
            sequence: u32_at(header, 16),
            template: None,
            export_ns: Some(export_ns),
            system_init_ns: Some(export_ns - i64::from(u32_at(header, 4)) * MS_NS),
            sample: None,
            record: Fields::new(),
            scope: Vec::new(),
            options: sampling(u16_at(header, 22)),
            held: false,
        };
        (row, key)
    }
}

/// Two bits of mode and fourteen of interval. An interval of 0 says nothing, in particular not "every packet".
fn sampling(header: u16) -> Vec<(super::Name, Fields)> {
    let (mode, interval) = (header >> 14, header & 0x3FFF);
    if interval == 0 {
        return Vec::new();
    }
    let said = vec![
        (Cow::Borrowed("samplingInterval"), Value::Unsigned(u64::from(interval))),
        (Cow::Borrowed("samplingAlgorithm"), Value::Unsigned(u64::from(mode))),
    ];
    vec![(Cow::Borrowed("domain"), said)]
}

fn v5_value(record: &[u8], (name, first, length): (&'static str, usize, usize)) -> (super::Name, Value) {
    let value = if name.ends_with("Address") {
        Value::Text(Ipv4Addr::from(u32_at(record, first)).to_string())
    } else {
        Value::Unsigned(unsigned(&record[first..first + length]))
    };
    (Cow::Borrowed(name), value)
}
