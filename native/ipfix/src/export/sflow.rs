//! `sFlow` version 5 (sflow.org, memo of July 2004): flow samples, counter samples and discarded packets, one row each.
//!
//! Names are IANA's where an element means the same, else those of the structures in the specification; a structure nobody here
//! knows is `enterprise/format` with its octets. Counters that the agent does not have (all ones) are absent, as are interfaces it
//! does not know (0).

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::sflow_header::sampled_header;
use super::value::{hexadecimal, mac};
use super::{Bad, Call, Fields, Protocol, Row, Value};
use crate::message::{unsigned, Malformed};

const FLOW: u32 = 1;
const COUNTERS: u32 = 2;
const EXPANDED_FLOW: u32 = 3;
const EXPANDED_COUNTERS: u32 = 4;
const DISCARDED: u32 = 5;

const INTERFACE_COUNTERS: [(&str, usize); 19] = [
    ("ifIndex", 4),
    ("ifType", 4),
    ("ifSpeed", 8),
    ("ifDirection", 4),
    ("ifStatus", 4),
    ("ifInOctets", 8),
    ("ifInUcastPkts", 4),
    ("ifInMulticastPkts", 4),
    ("ifInBroadcastPkts", 4),
    ("ifInDiscards", 4),
    ("ifInErrors", 4),
    ("ifInUnknownProtos", 4),
    ("ifOutOctets", 8),
    ("ifOutUcastPkts", 4),
    ("ifOutMulticastPkts", 4),
    ("ifOutBroadcastPkts", 4),
    ("ifOutDiscards", 4),
    ("ifOutErrors", 4),
    ("ifPromiscuousMode", 4),
];
const ETHERNET_COUNTERS: [(&str, usize); 13] = [
    ("dot3StatsAlignmentErrors", 4),
    ("dot3StatsFCSErrors", 4),
    ("dot3StatsSingleCollisionFrames", 4),
    ("dot3StatsMultipleCollisionFrames", 4),
    ("dot3StatsSQETestErrors", 4),
    ("dot3StatsDeferredTransmissions", 4),
    ("dot3StatsLateCollisions", 4),
    ("dot3StatsExcessiveCollisions", 4),
    ("dot3StatsInternalMacTransmitErrors", 4),
    ("dot3StatsCarrierSenseErrors", 4),
    ("dot3StatsFrameTooLongs", 4),
    ("dot3StatsInternalMacReceiveErrors", 4),
    ("dot3StatsSymbolErrors", 4),
];
const VLAN_COUNTERS: [(&str, usize); 6] = [
    ("vlanId", 4),
    ("octets", 8),
    ("ucastPkts", 4),
    ("multicastPkts", 4),
    ("broadcastPkts", 4),
    ("discards", 4),
];
const PROCESSOR_COUNTERS: [(&str, usize); 5] = [
    ("cpu5s", 4),
    ("cpu1m", 4),
    ("cpu5m", 4),
    ("totalMemory", 8),
    ("freeMemory", 8),
];

/// Reads XDR: numbers of four octets, opaque data filled up to four.
#[derive(Clone, Copy)]
struct Xdr<'a> {
    octets: &'a [u8],
    at: usize,
    offset: usize,
}

impl<'a> Xdr<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let left = self.octets.len() - self.at;
        if length > left {
            return Err(Malformed::at(
                self.offset + self.at,
                format!("{length} octets wanted, {left} left"),
            ));
        }
        self.at += length;
        Ok(&self.octets[self.at - length..self.at])
    }

    fn number(&mut self) -> Result<u32, Malformed> {
        self.take(4).map(|octets| unsigned(octets) as u32)
    }

    fn skip(&mut self, numbers: usize) -> Result<(), Malformed> {
        self.take(4 * numbers).map(drop)
    }

    /// The next `length` octets as a reader of their own.
    fn part(&mut self, length: usize) -> Result<Xdr<'a>, Malformed> {
        let offset = self.offset + self.at;
        Ok(Xdr {
            octets: self.take(length)?,
            at: 0,
            offset,
        })
    }

    fn opaque(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()? as usize;
        let data = self.take(length)?;
        let filler = length.wrapping_neg() % 4;
        self.take(filler.min(self.octets.len() - self.at))?;
        Ok(data)
    }

    fn address(&mut self) -> Result<Option<String>, Malformed> {
        match self.number()? {
            1 => Ok(Some(Ipv4Addr::from(unsigned(self.take(4)?) as u32).to_string())),
            2 => Ok(<[u8; 16]>::try_from(self.take(16)?)
                .ok()
                .map(|all| Ipv6Addr::from(all).to_string())),
            0 => Ok(None),
            kind => Err(Malformed::at(self.offset + self.at - 4, format!("address type {kind}"))),
        }
    }
}

/// Add a number under a name.
pub(super) fn push(record: &mut Fields, name: &'static str, value: u64) {
    record.push((Cow::Borrowed(name), Value::Unsigned(value)));
}

/// Add text under a name.
pub(super) fn push_text(record: &mut Fields, name: &'static str, text: String) {
    record.push((Cow::Borrowed(name), Value::Text(text)));
}

impl Call<'_> {
    /// One datagram at `at`, which ends where the octets end.
    pub(super) fn sflow5(&mut self, octets: &[u8], at: usize) -> Result<usize, Bad> {
        let mut xdr = Xdr {
            octets: &octets[at..],
            at: 4,
            offset: at,
        };
        let head = Bad::of("malformed message");
        let agent = xdr.address().map_err(&head)?.unwrap_or_else(|| self.exporter.to_owned());
        let (sub_agent, sequence) = (xdr.number().map_err(&head)?, xdr.number().map_err(&head)?);
        xdr.skip(1).map_err(&head)?;
        let samples = xdr.number().map_err(&head)?;
        let mut key = self.key(Protocol::Sflow5, sub_agent);
        key.exporter.clone_from(&agent);
        self.session.sequences.saw(&key, sequence, Some(1));
        for _ in 0..samples {
            let format = xdr.number().map_err(Bad::of("truncated"))?;
            let length = xdr.number().map_err(Bad::of("truncated"))? as usize;
            let part = xdr.part(length).map_err(Bad::of("truncated"))?;
            match sample(format, part) {
                Ok((kind, record)) => self.rows.push(Row {
                    exporter: agent.clone(),
                    protocol: Protocol::Sflow5,
                    domain: sub_agent,
                    sequence,
                    template: None,
                    export_ns: None,
                    system_init_ns: None,
                    sample: Some(kind),
                    record,
                    scope: Vec::new(),
                    options: Vec::new(),
                    held: false,
                }),
                Err(wrong) => self.bad.push(Bad::of("malformed sample")(wrong)),
            }
        }
        Ok(octets.len())
    }
}

fn sample(format: u32, mut xdr: Xdr<'_>) -> Result<(&'static str, Fields), Malformed> {
    let mut record = Fields::new();
    match format {
        FLOW | EXPANDED_FLOW => {
            flow_head(&mut xdr, format == EXPANDED_FLOW, &mut record)?;
            structures(&mut xdr, flow_structure, &mut record)?;
            Ok(("flow", record))
        }
        COUNTERS | EXPANDED_COUNTERS => {
            xdr.skip(if format == COUNTERS { 2 } else { 3 })?;
            structures(&mut xdr, counter_structure, &mut record)?;
            Ok(("counters", record))
        }
        DISCARDED => {
            xdr.skip(3)?;
            push(&mut record, "drops", u64::from(xdr.number()?));
            interface(&mut record, "ingressInterface", 0, xdr.number()?);
            interface(&mut record, "egressInterface", 0, xdr.number()?);
            push(&mut record, "reason", u64::from(xdr.number()?));
            structures(&mut xdr, flow_structure, &mut record)?;
            Ok(("drops", record))
        }
        _ => {
            record.push((unknown(format), Value::Text(hexadecimal(xdr.octets))));
            Ok(("unknown", record))
        }
    }
}

fn flow_head(xdr: &mut Xdr<'_>, expanded: bool, record: &mut Fields) -> Result<(), Malformed> {
    xdr.skip(if expanded { 3 } else { 2 })?;
    push(record, "samplingInterval", u64::from(xdr.number()?));
    push(record, "samplePool", u64::from(xdr.number()?));
    push(record, "drops", u64::from(xdr.number()?));
    for name in ["ingressInterface", "egressInterface"] {
        let (format, value) = if expanded {
            (xdr.number()?, xdr.number()?)
        } else {
            let packed = xdr.number()?;
            (packed >> 30, packed & 0x3FFF_FFFF)
        };
        interface(record, name, format, value);
    }
    Ok(())
}

/// Only format 0 is an interface's number; the others say why there is none.
fn interface(record: &mut Fields, name: &'static str, format: u32, value: u32) {
    if format == 0 && value != 0 {
        push(record, name, u64::from(value));
    }
}

type Structure = fn(u32, &mut Xdr<'_>, &mut Fields) -> Result<(), Malformed>;

fn structures(xdr: &mut Xdr<'_>, read: Structure, record: &mut Fields) -> Result<(), Malformed> {
    for _ in 0..xdr.number()? {
        let format = xdr.number()?;
        let length = xdr.number()? as usize;
        let mut part = xdr.part(length)?;
        read(format, &mut part, record)?;
    }
    Ok(())
}

fn unknown(format: u32) -> super::Name {
    Cow::Owned(format!("{}/{}", format >> 12, format & 0xFFF))
}

fn flow_structure(format: u32, xdr: &mut Xdr<'_>, record: &mut Fields) -> Result<(), Malformed> {
    match format {
        1 => {
            let (protocol, frame) = (xdr.number()?, xdr.number()?);
            xdr.skip(1)?;
            push(record, "dataLinkFrameSize", u64::from(frame));
            sampled_header(protocol, xdr.opaque()?, record);
        }
        2 => {
            push(record, "dataLinkFrameSize", u64::from(xdr.number()?));
            push_text(record, "sourceMacAddress", mac(&xdr.take(8)?[..6]));
            push_text(record, "destinationMacAddress", mac(&xdr.take(8)?[..6]));
            push(record, "ethernetType", u64::from(xdr.number()?));
        }
        3 | 4 => sampled_ip(format == 4, xdr, record)?,
        1001 => {
            counters(&[("vlanId", 4), ("dot1qPriority", 4), ("postVlanId", 4)], xdr, record)?;
        }
        1002 => {
            next_hop(xdr, record, ["ipNextHopIPv4Address", "ipNextHopIPv6Address"])?;
            push(record, "sourcePrefixLength", u64::from(xdr.number()?));
            push(record, "destinationPrefixLength", u64::from(xdr.number()?));
        }
        1003 => gateway(xdr, record)?,
        _ => record.push((unknown(format), Value::Text(hexadecimal(xdr.octets)))),
    }
    Ok(())
}

fn sampled_ip(six: bool, xdr: &mut Xdr<'_>, record: &mut Fields) -> Result<(), Malformed> {
    push(record, "ipTotalLength", u64::from(xdr.number()?));
    push(record, "protocolIdentifier", u64::from(xdr.number()?));
    let names = if six {
        ["sourceIPv6Address", "destinationIPv6Address"]
    } else {
        ["sourceIPv4Address", "destinationIPv4Address"]
    };
    for name in names {
        let address = if six {
            <[u8; 16]>::try_from(xdr.take(16)?)
                .map(|all| Ipv6Addr::from(all).to_string())
                .unwrap_or_default()
        } else {
            Ipv4Addr::from(xdr.number()?).to_string()
        };
        push_text(record, name, address);
    }
    for name in [
        "sourceTransportPort",
        "destinationTransportPort",
        "tcpControlBits",
        "ipClassOfService",
    ] {
        push(record, name, u64::from(xdr.number()?));
    }
    Ok(())
}

fn next_hop(xdr: &mut Xdr<'_>, record: &mut Fields, names: [&'static str; 2]) -> Result<(), Malformed> {
    if let Some(address) = xdr.address()? {
        let six = address.contains(':');
        push_text(record, names[usize::from(six)], address);
    }
    Ok(())
}

/// The AS path in order; its last member is the destination's.
fn gateway(xdr: &mut Xdr<'_>, record: &mut Fields) -> Result<(), Malformed> {
    next_hop(xdr, record, ["bgpNextHopIPv4Address", "bgpNextHopIPv6Address"])?;
    xdr.skip(1)?;
    push(record, "bgpSourceAsNumber", u64::from(xdr.number()?));
    push(record, "bgpPrevAdjacentAsNumber", u64::from(xdr.number()?));
    let mut path = Vec::new();
    for _ in 0..xdr.number()? {
        let (_, members) = (xdr.number()?, xdr.number()?);
        for _ in 0..members {
            path.push(u64::from(xdr.number()?));
        }
    }
    if let (Some(&first), Some(&last)) = (path.first(), path.last()) {
        push(record, "bgpNextAdjacentAsNumber", first);
        push(record, "bgpDestinationAsNumber", last);
    }
    Ok(())
}

fn counter_structure(format: u32, xdr: &mut Xdr<'_>, record: &mut Fields) -> Result<(), Malformed> {
    match format {
        1 => counters(&INTERFACE_COUNTERS, xdr, record),
        2 => counters(&ETHERNET_COUNTERS, xdr, record),
        5 => counters(&VLAN_COUNTERS, xdr, record),
        1001 => counters(&PROCESSOR_COUNTERS, xdr, record),
        1005 => {
            push_text(record, "ifName", String::from_utf8_lossy(xdr.opaque()?).into_owned());
            Ok(())
        }
        _ => {
            record.push((unknown(format), Value::Text(hexadecimal(xdr.octets))));
            Ok(())
        }
    }
}

fn counters(names: &[(&'static str, usize)], xdr: &mut Xdr<'_>, record: &mut Fields) -> Result<(), Malformed> {
    for &(name, length) in names {
        let octets = xdr.take(length)?;
        if octets.iter().any(|&octet| octet != 0xFF) {
            push(record, name, unsigned(octets));
        }
    }
    Ok(())
}
