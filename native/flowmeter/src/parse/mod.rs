//! Octets of a frame in, packet out.
//!
//! The link header is walked inwards layer by layer: tags, labels, session headers, IP headers, tunnels. With `Tunnels::Inner` every
//! tunnel is tried, and one whose inside holds no IP header leaves the packet around it. Every length is checked against the octets
//! captured; every layer starts behind the one before, so a walk ends. It allocates nothing and knows no flow and no clock.

mod ip;
mod link;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;

use crate::packet::{EncapsulationKind, Encapsulations, Frame, Packet, Tunnels, Unparsed};
use ip::Ip;

/// Where the walk is: what starts at this octet.
#[derive(Clone, Copy)]
enum Layer {
    /// Destination and source MAC address, type or length.
    Ethernet(usize),
    /// What an `EtherType` announced.
    Typed(u16, usize),
    /// 802.2 header.
    Llc(usize),
    /// A label stack.
    Mpls(usize),
    /// PPP, from its (maybe absent) address octet on.
    Ppp(usize),
    /// Network service header (RFC 8300).
    Nsh(usize),
    /// An IP header; its first four bits tell which.
    Ip(usize),
    /// An IPv4 header.
    V4(usize),
    /// An IPv6 header.
    V6(usize),
}

/// The octets in reach and the encapsulations passed.
struct Walk<'a> {
    /// From the start of the frame to the end of the layer, as far as captured.
    octets: &'a [u8],
    /// Where the layer ends on the wire.
    wire_end: usize,
    encapsulations: Encapsulations,
}

impl Walk<'_> {
    fn chunk<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        self.octets.get(at..)?.first_chunk()
    }

    fn u8(&self, at: usize) -> Option<u8> {
        self.octets.get(at).copied()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.chunk(at).map(|octets| u16::from_be_bytes(*octets))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.chunk(at).map(|octets| u32::from_be_bytes(*octets))
    }

    fn enter(&mut self, kind: EncapsulationKind, id: u32) -> Result<(), Unparsed> {
        if self.encapsulations.push(kind, id) {
            Ok(())
        } else {
            Err(Unparsed::TunnelTooDeep)
        }
    }

    /// The IP header that `layer` leads to.
    fn next_ip(&mut self, mut layer: Layer) -> Result<Ip, Unparsed> {
        loop {
            layer = match layer {
                Layer::Ethernet(at) => link::ethernet(self, at)?,
                Layer::Typed(ethertype, at) => link::typed(self, ethertype, at)?,
                Layer::Llc(at) => link::llc(self, at)?,
                Layer::Mpls(at) => link::mpls(self, at)?,
                Layer::Ppp(at) => link::ppp(self, at)?,
                Layer::Nsh(at) => tunnel::nsh(self, at)?,
                Layer::Ip(at) => match self.u8(at).ok_or(Unparsed::TruncatedIp)? >> 4 {
                    4 => Layer::V4(at),
                    6 => Layer::V6(at),
                    _ => return Err(Unparsed::BadIpHeader),
                },
                Layer::V4(at) => return ip::v4(self, at),
                Layer::V6(at) => return ip::v6(self, at),
            }
        }
    }
}

/// The packet in a frame, or the reason why there is none.
#[inline]
pub fn parse(frame: &Frame<'_>, mode: Tunnels) -> Result<Packet, Unparsed> {
    // Tags from the ring are counted as on the wire, but they are not among the octets.
    let tags = frame.vlans.tcis().len() * 4;
    let mut walk = Walk {
        octets: frame.octets,
        wire_end: frame.octets.len().max((frame.wire_octets as usize).saturating_sub(tags)),
        encapsulations: Encapsulations::default(),
    };
    for tci in frame.vlans.tcis() {
        walk.enter(EncapsulationKind::Vlan, u32::from(tci & link::VLAN_ID))?;
    }
    let first = link::first(&walk, frame.link)?;
    let outer = walk.next_ip(first)?;
    let (mut keyed, mut around) = (outer, walk.encapsulations);
    if mode == Tunnels::Inner {
        while let Some(inner) = inside(&mut walk, &keyed) {
            (keyed, around) = (inner, walk.encapsulations);
        }
    }
    let mut packet = transport::packet(frame.octets, &keyed);
    packet.encapsulations = around;
    packet.outer_ip_at = outer.at as u32;
    if frame.checksum_unfinished {
        // Half a sum is the same in every segment of one length: no mark of this one.
        packet.transport_checksum = 0;
    }
    Ok(packet)
}

/// The IP header inside the tunnel that `ip` carries, if it does and there is one.
#[inline]
fn inside(walk: &mut Walk<'_>, ip: &Ip) -> Option<Ip> {
    if !tunnel::may_carry(ip.protocol) || ip.is_later_fragment() {
        return None;
    }
    walk.octets = &walk.octets[..ip.captured_end];
    walk.wire_end = ip.wire_end;
    let layer = tunnel::inside(walk, ip)?;
    walk.next_ip(layer).ok()
}
