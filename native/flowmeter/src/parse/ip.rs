//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, down to where the transport header starts.

use super::Walk;
use crate::packet::{Address, Fragment, Packet, Unparsed};

/// Extension headers of one packet at most; what has more is left at the one reached.
const MAX_EXTENSIONS: usize = 16;

/// Protocol numbers that are headers on the way to the transport.
mod extension {
    pub const HOP_BY_HOP: u8 = 0;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const AUTHENTICATION: u8 = 51;
    pub const DESTINATION: u8 = 60;
    pub const MOBILITY: u8 = 135;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
}

/// How far an IP packet reaches within its frame.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Where the transport header starts.
    pub body: usize,
    /// Where the packet ends within the octets captured.
    pub captured_end: usize,
    /// Where the packet ends on the wire.
    pub wire_end: usize,
}

#[inline]
pub(super) fn v4(walk: &mut Walk<'_, '_>, at: usize) -> Result<Reach, Unparsed> {
    let header = walk.chunk::<20>(at).ok_or(Unparsed::TruncatedIp)?;
    let header_octets = usize::from(header[0] & 0x0f) * 4;
    let stated = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // A sending host with segmentation offload captures its super-segments before the length is known: 0.
    let octets = if stated == 0 {
        walk.wire_end.saturating_sub(at)
    } else {
        stated
    };
    if header[0] >> 4 != 4 || header_octets < 20 || octets < header_octets {
        return Err(Unparsed::BadIpHeader);
    }
    let wire_end = at + octets;
    let id = u16::from_be_bytes([header[4], header[5]]);
    let packet = &mut *walk.packet;
    packet.ip_at = at as u32;
    packet.is_v6 = false;
    packet.source = short([header[12], header[13], header[14], header[15]]);
    packet.destination = short([header[16], header[17], header[18], header[19]]);
    packet.protocol = header[9];
    packet.ttl = header[8];
    packet.ip_octets = octets as u32;
    packet.ip_id = Some(id);
    packet.ip_checksum = u16::from_be_bytes([header[10], header[11]]);
    packet.fragment = fragment_of(u16::from_be_bytes([header[6], header[7]]), id);
    let mut reach = Reach {
        body: at + header_octets,
        captured_end: wire_end.min(walk.octets.len()),
        wire_end,
    };
    if header[9] == extension::AUTHENTICATION && !walk.packet.is_later_fragment() {
        extensions(walk, &mut reach);
    }
    Ok(reach)
}

#[inline]
fn short([a, b, c, d]: [u8; 4]) -> Address {
    Address([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

#[inline]
fn fragment_of(field: u16, id: u16) -> Option<Fragment> {
    let (offset, more) = (u32::from(field & 0x1fff) * 8, field & 0x2000 != 0);
    (more || offset > 0).then_some(Fragment {
        id: u32::from(id),
        offset,
        more,
    })
}

pub(super) fn v6(walk: &mut Walk<'_, '_>, at: usize) -> Result<Reach, Unparsed> {
    let header = walk.chunk::<40>(at).ok_or(Unparsed::TruncatedIp)?;
    if header[0] >> 4 != 6 {
        return Err(Unparsed::BadIpHeader);
    }
    let stated = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // 0 is a jumbogram (RFC 2675) or a super-segment, unless nothing follows.
    let jumbo = stated == 0 && header[6] != 59;
    let octets = if jumbo {
        walk.wire_end.saturating_sub(at)
    } else {
        stated + 40
    };
    let wire_end = at + octets;
    let packet = &mut *walk.packet;
    packet.ip_at = at as u32;
    packet.is_v6 = true;
    packet.source = long(header, 8);
    packet.destination = long(header, 24);
    packet.protocol = header[6];
    packet.ttl = header[7];
    packet.ip_octets = octets as u32;
    packet.ip_id = None;
    packet.ip_checksum = 0;
    packet.fragment = None;
    let mut reach = Reach {
        body: at + 40,
        captured_end: wire_end.min(walk.octets.len()),
        wire_end,
    };
    extensions(walk, &mut reach);
    Ok(reach)
}

fn long(header: &[u8; 40], at: usize) -> Address {
    let mut address = [0; 16];
    address.copy_from_slice(&header[at..at + 16]);
    Address(address)
}

/// Step over the headers between IP and transport; a header that was not captured is where it stays.
fn extensions(walk: &mut Walk<'_, '_>, reach: &mut Reach) {
    for _ in 0..MAX_EXTENSIONS {
        let (is_v6, protocol) = (walk.packet.is_v6, walk.packet.protocol);
        let Some(header) = walk.chunk::<8>(reach.body) else { return };
        let (next, length) = (header[0], usize::from(header[1]));
        let octets = match protocol {
            extension::AUTHENTICATION => (length + 2) * 4,
            _ if !is_v6 => return,
            // No next header: the header itself is what the packet carries (RFC 6275, 6.1.1).
            extension::MOBILITY | extension::HIP | extension::SHIM6 if next == 59 => return,
            extension::FRAGMENT => {
                v6_fragment(walk.packet, *header);
                8
            }
            extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::DESTINATION
            | extension::MOBILITY
            | extension::HIP
            | extension::SHIM6 => (length + 1) * 8,
            _ => return,
        };
        if reach.body + octets > reach.wire_end {
            return;
        }
        reach.body += octets;
        walk.packet.protocol = next;
        if walk.packet.is_later_fragment() {
            return;
        }
    }
}

/// A fragment header of a packet in one piece (RFC 6946) leaves only its identification.
fn v6_fragment(packet: &mut Packet, [_, _, high, low, a, b, c, d]: [u8; 8]) {
    let (field, id) = (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d]));
    let (offset, more) = (u32::from(field & !7), field & 1 != 0);
    packet.ip_id = Some(id as u16);
    packet.fragment = (more || offset > 0).then_some(Fragment { id, offset, more });
}
