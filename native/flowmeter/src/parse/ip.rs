//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, down to where the transport header starts.

use super::Walk;
use crate::packet::{Address, Fragment, Unparsed};

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

/// An IP header and its limits.
#[derive(Clone, Copy)]
pub(super) struct Ip {
    pub at: usize,
    pub is_v6: bool,
    pub source: Address,
    pub destination: Address,
    pub protocol: u8,
    pub ttl: u8,
    pub octets: u32,
    pub id: Option<u16>,
    pub checksum: u16,
    pub fragment: Option<Fragment>,
    /// Where the transport header starts.
    pub body: usize,
    /// Where the packet ends within the octets captured.
    pub captured_end: usize,
    /// Where the packet ends on the wire.
    pub wire_end: usize,
}

impl Ip {
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| !fragment.is_first())
    }
}

#[inline]
pub(super) fn v4(walk: &Walk<'_>, at: usize) -> Result<Ip, Unparsed> {
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
    let mut found = Ip {
        at,
        is_v6: false,
        source: short(header, 12),
        destination: short(header, 16),
        protocol: header[9],
        ttl: header[8],
        octets: octets as u32,
        id: Some(id),
        checksum: u16::from_be_bytes([header[10], header[11]]),
        fragment: fragment_of(u16::from_be_bytes([header[6], header[7]]), id),
        body: at + header_octets,
        captured_end: wire_end.min(walk.octets.len()),
        wire_end,
    };
    if found.protocol == extension::AUTHENTICATION && !found.is_later_fragment() {
        extensions(walk, &mut found);
    }
    Ok(found)
}

fn short(header: &[u8; 20], at: usize) -> Address {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&header[at..at + 4]);
    Address(address)
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

pub(super) fn v6(walk: &Walk<'_>, at: usize) -> Result<Ip, Unparsed> {
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
    let mut found = Ip {
        at,
        is_v6: true,
        source: long(header, 8),
        destination: long(header, 24),
        protocol: header[6],
        ttl: header[7],
        octets: octets as u32,
        id: None,
        checksum: 0,
        fragment: None,
        body: at + 40,
        captured_end: wire_end.min(walk.octets.len()),
        wire_end,
    };
    extensions(walk, &mut found);
    Ok(found)
}

fn long(header: &[u8; 40], at: usize) -> Address {
    let mut address = [0; 16];
    address.copy_from_slice(&header[at..at + 16]);
    Address(address)
}

/// Step over the headers between IP and transport; a header that was not captured is where it stays.
fn extensions(walk: &Walk<'_>, ip: &mut Ip) {
    for _ in 0..MAX_EXTENSIONS {
        let Some(&[next, length, ..]) = walk.chunk::<8>(ip.body) else {
            return;
        };
        let octets = match ip.protocol {
            extension::HOP_BY_HOP if ip.is_v6 => (usize::from(length) + 1) * 8,
            extension::ROUTING | extension::DESTINATION | extension::MOBILITY | extension::HIP | extension::SHIM6 if ip.is_v6 => {
                // No next header: the header itself is what the packet carries (RFC 6275, 6.1.1).
                if next == 59 && ip.protocol >= extension::MOBILITY {
                    return;
                }
                (usize::from(length) + 1) * 8
            }
            extension::AUTHENTICATION => (usize::from(length) + 2) * 4,
            extension::FRAGMENT if ip.is_v6 => {
                v6_fragment(walk, ip);
                8
            }
            _ => return,
        };
        if ip.body + octets > ip.wire_end {
            return;
        }
        ip.body += octets;
        ip.protocol = next;
        if ip.is_later_fragment() {
            return;
        }
    }
}

/// A fragment header of a packet in one piece (RFC 6946) leaves only its identification.
fn v6_fragment(walk: &Walk<'_>, ip: &mut Ip) {
    let Some(&[_, _, high, low, a, b, c, d]) = walk.chunk::<8>(ip.body) else {
        return;
    };
    let (field, id) = (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d]));
    let (offset, more) = (u32::from(field & !7), field & 1 != 0);
    ip.id = Some(id as u16);
    ip.fragment = (more || offset > 0).then_some(Fragment { id, offset, more });
}
