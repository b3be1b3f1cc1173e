//! What an IP packet carries inside: GRE and what rides on it, IP in IP, and the tunnels known by their UDP port.
//!
//! Anything may use these ports: a tunnel is believed when its header is well formed, and the walk goes on only when its inside is an
//! IP header as well.

use super::{Layer, Walk};
use crate::packet::{EncapsulationKind as Kind, Unparsed};

const IPIP: u8 = 4;
const UDP: u8 = 17;
const IPV6: u8 = 41;
const GRE: u8 = 47;
const MPLS_IN_IP: u8 = 137;

/// Destination ports; 8472 is Linux's and old VXLAN's, 6635 is MPLS in UDP (RFC 7510).
mod port {
    pub const GTPU: u16 = 2152;
    pub const TEREDO: u16 = 3544;
    pub const VXLAN: u16 = 4789;
    pub const VXLAN_GPE: u16 = 4790;
    pub const GENEVE: u16 = 6081;
    pub const MPLS: u16 = 6635;
    pub const VXLAN_OLD: u16 = 8472;
}

/// Whether packets of this protocol can be tunnels at all.
#[inline]
pub(super) fn may_carry(protocol: u8) -> bool {
    matches!(protocol, UDP | IPIP | IPV6 | GRE | MPLS_IN_IP)
}

/// The layer inside, with its encapsulations entered; `body` is where the IP header ends.
pub(super) fn inside(walk: &mut Walk<'_, '_>, body: usize) -> Option<Layer> {
    match walk.packet.protocol {
        UDP => udp(walk, body),
        IPIP => {
            walk.enter(Kind::Ipip, 0).ok()?;
            Some(Layer::V4(body))
        }
        IPV6 => {
            walk.enter(Kind::Ipip, 0).ok()?;
            Some(Layer::V6(body))
        }
        GRE => gre(walk, body),
        MPLS_IN_IP => Some(Layer::Mpls(body)),
        _ => None,
    }
}

#[inline]
fn udp(walk: &mut Walk<'_, '_>, at: usize) -> Option<Layer> {
    let &[a, b, c, d, ..] = walk.chunk::<8>(at)?;
    let (source, destination) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let body = at + 8;
    match destination {
        port::VXLAN | port::VXLAN_OLD | port::VXLAN_GPE => vxlan(walk, body),
        port::GENEVE => geneve(walk, body),
        port::MPLS => Some(Layer::Mpls(body)),
        _ if source == port::GTPU || destination == port::GTPU => gtpu(walk, body),
        _ if source == port::TEREDO || destination == port::TEREDO => teredo(walk, body),
        _ => None,
    }
}

/// RFC 7348, with the group policy and generic protocol extensions: flag bits 0x80 and 0x04.
fn vxlan(walk: &mut Walk<'_, '_>, at: usize) -> Option<Layer> {
    let &[flags, _, _, next, a, b, c, _] = walk.chunk::<8>(at)?;
    if flags & 0x38 != 0x08 {
        return None;
    }
    walk.enter(Kind::Vxlan, u32::from_be_bytes([0, a, b, c])).ok()?;
    let body = at + 8;
    if flags & 0x04 == 0 {
        Some(Layer::Ethernet(body))
    } else {
        next_protocol(next, body)
    }
}

/// Next protocol numbers of NSH and VXLAN-GPE, which are the same as far as they go here.
fn next_protocol(next: u8, at: usize) -> Option<Layer> {
    match next {
        1 => Some(Layer::V4(at)),
        2 => Some(Layer::V6(at)),
        3 => Some(Layer::Ethernet(at)),
        4 => Some(Layer::Nsh(at)),
        5 => Some(Layer::Mpls(at)),
        _ => None,
    }
}

/// Network service header: its length is in units of four octets.
pub(super) fn nsh(walk: &Walk<'_, '_>, at: usize) -> Result<Layer, Unparsed> {
    let &[_, length, _, next] = walk.chunk::<4>(at).ok_or(Unparsed::TruncatedLink)?;
    let octets = usize::from(length & 0x3f) * 4;
    // Two words at least: base header and service path.
    if octets < 8 {
        return Err(Unparsed::NotIp);
    }
    next_protocol(next, at + octets).ok_or(Unparsed::NotIp)
}

/// RFC 8926; control packets carry no user's packet.
fn geneve(walk: &mut Walk<'_, '_>, at: usize) -> Option<Layer> {
    let &[first, bits, high, low, a, b, c, _] = walk.chunk::<8>(at)?;
    if first >> 6 != 0 || bits & 0x80 != 0 {
        return None;
    }
    walk.enter(Kind::Geneve, u32::from_be_bytes([0, a, b, c])).ok()?;
    let body = at + 8 + usize::from(first & 0x3f) * 4;
    Some(Layer::Typed(u16::from_be_bytes([high, low]), body))
}

/// 3GPP TS 29.281: version 1, protocol type GTP, message G-PDU; extension headers are skipped.
fn gtpu(walk: &mut Walk<'_, '_>, at: usize) -> Option<Layer> {
    let &[flags, message, _, _, a, b, c, d] = walk.chunk::<8>(at)?;
    if flags & 0xf0 != 0x30 || message != 0xff {
        return None;
    }
    let mut body = at + 8;
    if flags & 0x07 != 0 {
        let mut next = walk.u8(at + 11)?;
        body += 4;
        while flags & 0x04 != 0 && next != 0 {
            let octets = usize::from(walk.u8(body)?) * 4;
            if octets == 0 {
                return None;
            }
            body += octets;
            next = walk.u8(body - 1)?;
        }
    }
    walk.enter(Kind::Gtpu, u32::from_be_bytes([a, b, c, d])).ok()?;
    Some(Layer::Ip(body))
}

/// RFC 4380: maybe authentication, maybe an origin indication, then an IPv6 packet that fills the datagram.
fn teredo(walk: &mut Walk<'_, '_>, mut at: usize) -> Option<Layer> {
    if let Some(&[0, 1, client, authentication]) = walk.chunk::<4>(at) {
        at += 13 + usize::from(client) + usize::from(authentication);
    }
    if walk.chunk::<2>(at) == Some(&[0, 0]) {
        at += 8;
    }
    let payload = usize::from(walk.u16(at + 4)?);
    if walk.u8(at)? >> 4 != 6 || at + 40 + payload != walk.wire_end {
        return None;
    }
    walk.enter(Kind::Teredo, 0).ok()?;
    Some(Layer::V6(at))
}

mod gre_bit {
    pub const CHECKSUM: u16 = 0x8000;
    pub const ROUTING: u16 = 0x4000;
    pub const KEY: u16 = 0x2000;
    pub const SEQUENCE: u16 = 0x1000;
    pub const ACKNOWLEDGEMENT: u16 = 0x0080;
    pub const VERSION: u16 = 0x0007;
}

/// RFC 2784 and 2890, NVGRE (RFC 7637), and version 1 as PPTP uses it (RFC 2637).
fn gre(walk: &mut Walk<'_, '_>, at: usize) -> Option<Layer> {
    let (bits, protocol) = (walk.u16(at)?, walk.u16(at + 2)?);
    let has = |bit: u16| bits & bit != 0;
    let enhanced = bits & gre_bit::VERSION == 1;
    if bits & gre_bit::VERSION > 1 {
        return None;
    }
    let mut body = at + 4;
    if has(gre_bit::CHECKSUM) || has(gre_bit::ROUTING) {
        body += 4;
    }
    if has(gre_bit::KEY) {
        let key = walk.u32(body)?;
        // Version 1 has the payload length in the upper half and the call in the lower.
        walk.enter(Kind::GreKey, if enhanced { key & 0xffff } else { key }).ok()?;
        body += 4;
    } else {
        walk.enter(Kind::Gre, 0).ok()?;
    }
    if has(gre_bit::SEQUENCE) {
        body += 4;
    }
    if enhanced && has(gre_bit::ACKNOWLEDGEMENT) {
        body += 4;
    }
    if has(gre_bit::ROUTING) && !enhanced {
        body = past_routing(walk, body)?;
    }
    carried(walk, protocol, has(gre_bit::SEQUENCE), body)
}

/// Source route entries of RFC 1701: family, offset, length; a zero family and length end them.
fn past_routing(walk: &Walk<'_, '_>, mut at: usize) -> Option<usize> {
    loop {
        let &[high, low, _, length] = walk.chunk::<4>(at)?;
        at += 4 + usize::from(length);
        if (high, low, length) == (0, 0, 0) {
            return Some(at);
        }
    }
}

fn carried(walk: &mut Walk<'_, '_>, protocol: u16, sequenced: bool, at: usize) -> Option<Layer> {
    match protocol {
        // Type I has no header of its own and GRE no sequence number.
        0x88be if !sequenced => {
            walk.enter(Kind::Erspan, 0).ok()?;
            Some(Layer::Ethernet(at))
        }
        0x88be => erspan(walk, at, 8),
        0x22eb => {
            let platform = walk.u8(at + 11)? & 1;
            erspan(walk, at, if platform == 1 { 20 } else { 12 })
        }
        // WCCP version 2 puts four octets before the packet; they never start like an IPv4 header.
        0x883e => Some(Layer::V4(if walk.u8(at)? >> 4 == 4 { at } else { at + 4 })),
        _ => Some(Layer::Typed(protocol, at)),
    }
}

/// Types II and III: the session id is the low ten bits of the second word.
fn erspan(walk: &mut Walk<'_, '_>, at: usize, header: usize) -> Option<Layer> {
    let session = walk.u16(at + 2)? & 0x03ff;
    walk.enter(Kind::Erspan, u32::from(session)).ok()?;
    Some(Layer::Ethernet(at + header))
}
