//! Transport headers: TCP with its options, UDP, ICMP, and the ports of what else has ports.

use super::ip::Reach;
use crate::packet::{flags, Icmp, Packet, Tcp, Transport, MAX_SACK_BLOCKS};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;

/// Read what stands behind the IP header of `packet`.
#[inline]
pub(super) fn read(packet: &mut Packet, frame: &[u8], reach: &Reach) {
    let body = frame.get(reach.body..reach.captured_end).unwrap_or_default();
    packet.truncated = reach.wire_end > reach.captured_end;
    let mut header = 0;
    if !packet.is_later_fragment() {
        let wire = reach.wire_end.saturating_sub(reach.body);
        let read = match packet.protocol {
            TCP => tcp(packet, body, wire),
            UDP => udp(packet, body, wire),
            ICMP if !packet.is_v6 => icmp(packet, body, &V4_QUERIES),
            ICMPV6 if packet.is_v6 => icmp(packet, body, &V6_QUERIES),
            SCTP | DCCP | UDP_LITE => ports(packet, body).then_some(4),
            _ => Some(0),
        };
        packet.header_cut = read.is_none();
        header = read.unwrap_or(body.len()).min(body.len());
    }
    packet.payload_at = (reach.body + header) as u32;
    packet.payload_captured = (body.len() - header) as u32;
}

#[inline]
fn ports(packet: &mut Packet, body: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = body.first_chunk::<4>() else {
        return false;
    };
    packet.source_port = u16::from_be_bytes([a, b]);
    packet.destination_port = u16::from_be_bytes([c, d]);
    true
}

/// Gives the octets of the header; none when it was not captured or cannot be one.
#[inline]
fn tcp(packet: &mut Packet, body: &[u8], wire: usize) -> Option<usize> {
    ports(packet, body);
    let header = body.first_chunk::<TCP_HEADER>()?;
    let octets = usize::from(header[12] >> 4) * 4;
    if octets < TCP_HEADER || octets > wire {
        return None;
    }
    packet.transport_checksum = u16::from_be_bytes([header[16], header[17]]);
    packet.transport = Transport::Tcp(Tcp {
        seq: u32_of(header, 4),
        ack: u32_of(header, 8),
        flags: u16::from_be_bytes([header[12], header[13]]) & 0x0fff,
        window: u16::from_be_bytes([header[14], header[15]]),
        payload_octets: (wire - octets) as u32,
        ..Tcp::default()
    });
    if let (true, Transport::Tcp(segment)) = (octets > TCP_HEADER, &mut packet.transport) {
        options(segment, &body[TCP_HEADER..octets.min(body.len())]);
    }
    Some(octets)
}

fn u32_of(octets: &[u8], at: usize) -> u32 {
    octets
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |four| u32::from_be_bytes(*four))
}

/// Options up to the first that cannot be.
#[inline]
fn options(segment: &mut Tcp, mut rest: &[u8]) {
    let syn = segment.has(flags::SYN);
    while let Some((&kind, tail)) = rest.split_first() {
        match kind {
            0 => return,
            1 => {
                rest = tail;
                continue;
            }
            _ => {}
        }
        let Some(content) = tail.first().and_then(|&length| rest.get(2..usize::from(length))) else {
            return;
        };
        match (kind, content.len()) {
            (2, 2) if syn => segment.mss = Some(u16::from_be_bytes([content[0], content[1]])),
            // RFC 7323: a shift beyond 14 counts as 14.
            (3, 1) if syn => segment.window_shift = Some(content[0].min(14)),
            (4, 0) if syn => segment.sack_permitted = true,
            (5, _) => sacks(segment, content),
            (8, 8) => segment.timestamps = Some((u32_of(content, 0), u32_of(content, 4))),
            _ => {}
        }
        rest = &rest[content.len() + 2..];
    }
}

fn sacks(segment: &mut Tcp, content: &[u8]) {
    for (slot, block) in segment.sack_blocks.iter_mut().zip(content.chunks_exact(8)) {
        *slot = (u32_of(block, 0), u32_of(block, 4));
    }
    segment.sack_count = (content.len() / 8).min(MAX_SACK_BLOCKS) as u8;
}

#[inline]
fn udp(packet: &mut Packet, body: &[u8], wire: usize) -> Option<usize> {
    ports(packet, body);
    let header = body.first_chunk::<UDP_HEADER>()?;
    let stated = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let octets = if (UDP_HEADER..=wire).contains(&stated) { stated } else { wire };
    packet.transport_checksum = u16::from_be_bytes([header[6], header[7]]);
    packet.transport = Transport::Udp {
        payload_octets: octets.saturating_sub(UDP_HEADER) as u32,
    };
    Some(UDP_HEADER)
}

/// A kind of query: its type, its reply's type, whether there is an identifier.
type Query = (u8, u8, bool);

/// Echo, timestamp, information, mask (RFC 792, 950), extended echo (RFC 8335), router discovery (RFC 1256).
const V4_QUERIES: [Query; 6] = [
    (8, 0, true),
    (13, 14, true),
    (15, 16, true),
    (17, 18, true),
    (42, 43, true),
    (10, 9, false),
];
/// Echo (RFC 4443), extended echo, router and neighbour discovery (RFC 4861), node information (RFC 4620).
const V6_QUERIES: [Query; 5] = [
    (128, 129, true),
    (160, 161, true),
    (133, 134, false),
    (135, 136, false),
    (139, 140, false),
];

fn icmp(packet: &mut Packet, body: &[u8], queries: &[Query]) -> Option<usize> {
    let &[kind, code, ..] = body.first_chunk::<2>()?;
    let mut message = Icmp {
        kind,
        code,
        is_error: is_error(kind, packet.is_v6),
        ..Icmp::default()
    };
    if let Some(&[_, _, high, low]) = body.first_chunk::<4>() {
        packet.transport_checksum = u16::from_be_bytes([high, low]);
    }
    let query = queries.iter().find(|query| query.0 == kind || query.1 == kind);
    if let (Some((_, _, true)), Some(&[high, low])) = (query, body.get(4..).and_then(|rest| rest.first_chunk())) {
        message.identifier = u16::from_be_bytes([high, low]);
    }
    let request = query.map_or(kind, |query| query.0);
    message.is_reply = request != kind;
    // The codes of a reply are its own; the query's is 0.
    let number = u16::from(request) * 256 + if message.is_reply { 0 } else { u16::from(code) };
    (packet.source_port, packet.destination_port) = if message.is_reply {
        (number, message.identifier)
    } else {
        (message.identifier, number)
    };
    packet.transport = Transport::Icmp(message);
    (body.len() >= 8).then_some(8)
}

/// Messages that quote a packet: `ICMPv6` keeps its types below 128 for them.
fn is_error(kind: u8, is_v6: bool) -> bool {
    if is_v6 {
        (1..128).contains(&kind)
    } else {
        matches!(kind, 3 | 4 | 5 | 11 | 12)
    }
}
