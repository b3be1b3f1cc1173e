//! The first octets of a sampled packet: Ethernet, VLAN tags, IP and transport, as far as they are there.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::sflow::{push, push_text};
use super::value::mac;
use super::Fields;
use crate::message::{u16_at, u32_at};

/// Header protocols of the specification.
const ETHERNET: u32 = 1;
const IPV4: u32 = 11;
const IPV6: u32 = 12;

const TAGS: [u16; 3] = [0x8100, 0x88A8, 0x9100];
const MAX_TAGS: usize = 4;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Add what a sampled header says. What is cut off or of another protocol is absent.
pub fn sampled_header(protocol: u32, header: &[u8], record: &mut Fields) {
    match protocol {
        ETHERNET => ethernet(header, record),
        IPV4 => ipv4(header, record),
        IPV6 => ipv6(header, record),
        _ => {}
    }
}

fn ethernet(frame: &[u8], record: &mut Fields) {
    if frame.len() < 14 {
        return;
    }
    push_text(record, "destinationMacAddress", mac(&frame[..6]));
    push_text(record, "sourceMacAddress", mac(&frame[6..12]));
    let mut at = 12;
    for tag in 0..MAX_TAGS {
        if frame.len() < at + 6 || !TAGS.contains(&u16_at(frame, at)) {
            break;
        }
        let (outer, inner) = ("dot1qVlanId", "dot1qCustomerVlanId");
        match tag {
            0 => push(record, outer, u64::from(u16_at(frame, at + 2) & 0x0FFF)),
            1 => push(record, inner, u64::from(u16_at(frame, at + 2) & 0x0FFF)),
            _ => {}
        }
        at += 4;
    }
    let kind = u16_at(frame, at);
    push(record, "ethernetType", u64::from(kind));
    match kind {
        0x0800 => ipv4(&frame[at + 2..], record),
        0x86DD => ipv6(&frame[at + 2..], record),
        _ => {}
    }
}

fn ipv4(packet: &[u8], record: &mut Fields) {
    if packet.len() < 20 || packet[0] >> 4 != 4 {
        return;
    }
    push(record, "ipVersion", 4);
    push(record, "ipClassOfService", u64::from(packet[1]));
    push(record, "ipTotalLength", u64::from(u16_at(packet, 2)));
    push(record, "fragmentIdentification", u64::from(u16_at(packet, 4)));
    let fragment = u16_at(packet, 6) & 0x1FFF;
    push(record, "fragmentOffset", u64::from(fragment));
    push(record, "ipTTL", u64::from(packet[8]));
    push(record, "protocolIdentifier", u64::from(packet[9]));
    push_text(record, "sourceIPv4Address", Ipv4Addr::from(u32_at(packet, 12)).to_string());
    push_text(
        record,
        "destinationIPv4Address",
        Ipv4Addr::from(u32_at(packet, 16)).to_string(),
    );
    let start = usize::from(packet[0] & 0x0F) * 4;
    if fragment == 0 && start >= 20 {
        transport(packet[9], packet.get(start..).unwrap_or_default(), record);
    }
}

fn ipv6(packet: &[u8], record: &mut Fields) {
    if packet.len() < 40 || packet[0] >> 4 != 6 {
        return;
    }
    let address = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).map(|all| Ipv6Addr::from(all).to_string());
    push(record, "ipVersion", 6);
    push(record, "ipClassOfService", u64::from(u16_at(packet, 0) >> 4 & 0xFF));
    push(record, "flowLabelIPv6", u64::from(u32_at(packet, 0) & 0xF_FFFF));
    push(record, "ipTotalLength", u64::from(u16_at(packet, 4)) + 40);
    push(record, "ipTTL", u64::from(packet[7]));
    push_text(record, "sourceIPv6Address", address(8).unwrap_or_default());
    push_text(record, "destinationIPv6Address", address(24).unwrap_or_default());
    let (protocol, start) = after_extensions(packet);
    push(record, "protocolIdentifier", u64::from(protocol));
    transport(protocol, packet.get(start..).unwrap_or_default(), record);
}

/// Upper protocol and its start behind hop-by-hop, routing and destination headers; a fragment ends the search.
fn after_extensions(packet: &[u8]) -> (u8, usize) {
    let (mut protocol, mut at) = (packet[6], 40);
    while matches!(protocol, 0 | 43 | 60) && packet.len() >= at + 2 {
        protocol = packet[at];
        at += (usize::from(packet[at + 1]) + 1) * 8;
    }
    (protocol, at)
}

fn transport(protocol: u8, header: &[u8], record: &mut Fields) {
    if matches!(protocol, TCP | UDP) && header.len() >= 4 {
        push(record, "sourceTransportPort", u64::from(u16_at(header, 0)));
        push(record, "destinationTransportPort", u64::from(u16_at(header, 2)));
    }
    if protocol == TCP && header.len() >= 14 {
        push(record, "tcpControlBits", u64::from(u16_at(header, 12) & 0x0FFF));
    }
    if matches!(protocol, ICMP | ICMPV6) && header.len() >= 2 {
        let name = if protocol == ICMP {
            "icmpTypeCodeIPv4"
        } else {
            "icmpTypeCodeIPv6"
        };
        push(record, name, u64::from(u16_at(header, 0)));
    }
}
