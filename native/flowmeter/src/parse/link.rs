//! From the start of a frame to its first IP header: link headers, VLAN tags, MPLS labels, `PPPoE` and PPP.

use super::{Layer, Walk};
use crate::packet::{EncapsulationKind, LinkType, Unparsed};

/// The VLAN id within a TCI.
pub(super) const VLAN_ID: u16 = 0x0fff;

/// `EtherType` of IPv4.
pub(super) const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const BRIDGED_ETHERNET: u16 = 0x6558;
const PPP: u16 = 0x880b;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
const VN_TAG: u16 = 0x8926;
const NSH: u16 = 0x894f;
/// The least value of the type field that is a type; up to 1500 it is a length.
const FIRST_ETHERTYPE: u16 = 0x0600;
const CUT: Unparsed = Unparsed::TruncatedLink;

/// What the frame starts with.
pub(super) fn first(walk: &Walk<'_, '_>, link: LinkType) -> Result<Layer, Unparsed> {
    Ok(match link {
        LinkType::Ethernet => Layer::Ethernet(0),
        LinkType::RawIp => Layer::Ip(0),
        LinkType::LinuxSll => cooked(walk.u16(14).ok_or(CUT)?, 16),
        LinkType::LinuxSll2 => {
            walk.chunk::<20>(0).ok_or(CUT)?;
            cooked(walk.u16(0).ok_or(CUT)?, 20)
        }
        LinkType::BsdNull | LinkType::BsdLoop => loopback(walk)?,
        LinkType::Ppp => Layer::Ppp(0),
        LinkType::Hdlc => hdlc(walk)?,
        LinkType::PppoeSession => Layer::Typed(PPPOE_SESSION, 0),
        LinkType::Network(ethertype) => cooked(ethertype, 0),
        LinkType::Other(_) => return Err(Unparsed::UnknownLinkType),
    })
}

/// Linux writes its own numbers below the first `EtherType`: 4 is 802.2, 1 is Novell's raw 802.3.
fn cooked(protocol: u16, at: usize) -> Layer {
    match protocol {
        4 => Layer::Llc(at),
        _ => Layer::Typed(protocol, at),
    }
}

/// The address family in whichever byte order; IPv6 has another number on every system.
fn loopback(walk: &Walk<'_, '_>) -> Result<Layer, Unparsed> {
    let family = walk.u32(0).ok_or(CUT)?;
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 => Ok(Layer::V4(4)),
        10 | 23 | 24 | 28 | 30 => Ok(Layer::V6(4)),
        _ => Err(Unparsed::NotIp),
    }
}

/// Cisco HDLC (address 0x0f unicast, 0x8f broadcast) has an `EtherType`, RFC 1662 a PPP protocol number.
fn hdlc(walk: &Walk<'_, '_>) -> Result<Layer, Unparsed> {
    Ok(match walk.u8(0).ok_or(CUT)? {
        0x0f | 0x8f => Layer::Typed(walk.u16(2).ok_or(CUT)?, 4),
        _ => Layer::Ppp(0),
    })
}

#[inline]
pub(super) fn ethernet(walk: &Walk<'_, '_>, at: usize) -> Result<Layer, Unparsed> {
    let ethertype = walk.u16(at + 12).ok_or(CUT)?;
    Ok(if ethertype >= FIRST_ETHERTYPE {
        Layer::Typed(ethertype, at + 14)
    } else {
        Layer::Llc(at + 14)
    })
}

/// SNAP announces an `EtherType`; SAP 6 is IP itself (RFC 1042's forerunner, still seen on old bridges).
pub(super) fn llc(walk: &Walk<'_, '_>, at: usize) -> Result<Layer, Unparsed> {
    match *walk.chunk::<3>(at).ok_or(CUT)? {
        [0xaa, 0xaa, 0x03] => Ok(Layer::Typed(walk.u16(at + 6).ok_or(CUT)?, at + 8)),
        [0x06, 0x06, 0x03] => Ok(Layer::V4(at + 3)),
        _ => Err(Unparsed::NotIp),
    }
}

#[inline]
pub(super) fn typed(walk: &mut Walk<'_, '_>, ethertype: u16, at: usize) -> Result<Layer, Unparsed> {
    match ethertype {
        IPV4 => Ok(Layer::V4(at)),
        IPV6 => Ok(Layer::V6(at)),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
            let [tci_high, tci_low, type_high, type_low] = *walk.chunk::<4>(at).ok_or(CUT)?;
            let tci = u16::from_be_bytes([tci_high, tci_low]);
            walk.enter(EncapsulationKind::Vlan, u32::from(tci & VLAN_ID))?;
            let inner = u16::from_be_bytes([type_high, type_low]);
            Ok(if inner >= FIRST_ETHERTYPE {
                Layer::Typed(inner, at + 4)
            } else {
                Layer::Llc(at + 4)
            })
        }
        MPLS | MPLS_UPSTREAM => Ok(Layer::Mpls(at)),
        PPPOE_SESSION => {
            let header = walk.chunk::<6>(at).ok_or(CUT)?;
            // Version and type 1, code 0: session data.
            if header[0] != 0x11 || header[1] != 0 {
                return Err(Unparsed::NotIp);
            }
            let session = u16::from_be_bytes([header[2], header[3]]);
            walk.enter(EncapsulationKind::Pppoe, u32::from(session))?;
            Ok(Layer::Ppp(at + 6))
        }
        PPP => Ok(Layer::Ppp(at)),
        BRIDGED_ETHERNET => Ok(Layer::Ethernet(at)),
        VN_TAG => Ok(Layer::Typed(walk.u16(at + 4).ok_or(CUT)?, at + 6)),
        NSH => Ok(Layer::Nsh(at)),
        _ => Err(Unparsed::NotIp),
    }
}

/// PPP protocol number, with or without address and control octets, one octet long where it was compressed (RFC 1661, 6.5).
pub(super) fn ppp(walk: &Walk<'_, '_>, at: usize) -> Result<Layer, Unparsed> {
    let at = if walk.chunk::<2>(at) == Some(&[0xff, 0x03]) {
        at + 2
    } else {
        at
    };
    let low = walk.u8(at).ok_or(CUT)?;
    let (protocol, at) = if low & 1 == 1 {
        (u16::from(low), at + 1)
    } else {
        (walk.u16(at).ok_or(CUT)?, at + 2)
    };
    match protocol {
        0x0021 => Ok(Layer::V4(at)),
        0x0057 => Ok(Layer::V6(at)),
        0x0281 | 0x0283 => Ok(Layer::Mpls(at)),
        _ => Err(Unparsed::NotIp),
    }
}

/// The label stack, then what the octets behind it look like: no label says what it carries.
pub(super) fn mpls(walk: &mut Walk<'_, '_>, mut at: usize) -> Result<Layer, Unparsed> {
    loop {
        let entry = walk.u32(at).ok_or(CUT)?;
        walk.enter(EncapsulationKind::Mpls, entry >> 12)?;
        at += 4;
        if entry & 0x100 != 0 {
            break;
        }
    }
    match walk.u8(at).ok_or(CUT)? >> 4 {
        4 if looks_like_v4(walk, at) => Ok(Layer::V4(at)),
        6 if looks_like_v6(walk, at) => Ok(Layer::V6(at)),
        // A control word: its first 16 bits are zero for Ethernet (RFC 4448, 4.6). Few MAC addresses start so.
        0 if walk.u16(at) == Some(0) && looks_like_ethernet(walk, at + 4) => Ok(Layer::Ethernet(at + 4)),
        1 => Err(Unparsed::NotIp),
        _ if looks_like_ethernet(walk, at) => Ok(Layer::Ethernet(at)),
        4 => Ok(Layer::V4(at)),
        6 => Ok(Layer::V6(at)),
        _ => Err(Unparsed::NotIp),
    }
}

/// A MAC address may start with the bits of an IP version too: the total length has to fit as well.
fn looks_like_v4(walk: &Walk<'_, '_>, at: usize) -> bool {
    walk.u8(at).is_some_and(|octet| octet & 0x0f >= 5)
        && walk
            .u16(at + 2)
            .is_some_and(|length| (20..=walk.wire_end.saturating_sub(at)).contains(&usize::from(length)))
}

fn looks_like_v6(walk: &Walk<'_, '_>, at: usize) -> bool {
    walk.u16(at + 4)
        .is_some_and(|length| usize::from(length) + 40 <= walk.wire_end.saturating_sub(at))
}

fn looks_like_ethernet(walk: &Walk<'_, '_>, at: usize) -> bool {
    let known = [IPV4, IPV6, 0x0806, 0x8100, 0x88a8, 0x9100, MPLS, MPLS_UPSTREAM, PPPOE_SESSION];
    walk.u16(at + 12).is_some_and(|ethertype| {
        known.contains(&ethertype)
            || (ethertype < FIRST_ETHERTYPE && usize::from(ethertype) <= walk.wire_end.saturating_sub(at + 14))
    })
}
