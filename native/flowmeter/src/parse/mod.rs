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

use crate::packet::{EncapsulationKind, Frame, Packet, Tunnels, Unparsed};
use ip::Reach;

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

/// The octets in reach, and the packet that is written where it will be read: to move one costs as much as to parse it.
struct Walk<'a, 'p> {
    /// From the start of the frame to the end of the layer, as far as captured.
    octets: &'a [u8],
    /// Where the layer ends on the wire.
    wire_end: usize,
    packet: &'p mut Packet,
}

impl<'a> Walk<'a, '_> {
    #[inline]
    fn chunk<const N: usize>(&self, at: usize) -> Option<&'a [u8; N]> {
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
        if self.packet.encapsulations.push(kind, id) {
            Ok(())
        } else {
            Err(Unparsed::TunnelTooDeep)
        }
    }

    /// Read the IP header that `layer` leads to; one that is refused leaves the packet as it was.
    #[inline]
    fn next_ip(&mut self, layer: Layer) -> Result<Reach, Unparsed> {
        // Nearly all there is.
        if let Layer::Ethernet(at) = layer {
            if self.u16(at + 12) == Some(link::IPV4) {
                return ip::v4(self, at + 14);
            }
        }
        self.walk_to_ip(layer)
    }

    fn walk_to_ip(&mut self, mut layer: Layer) -> Result<Reach, Unparsed> {
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
pub fn parse(frame: &Frame<'_>, mode: Tunnels) -> Result<Packet, Unparsed> {
    let mut packet = Packet::default();
    parse_into(frame, mode, &mut packet)?;
    Ok(packet)
}

/// The same into a packet that is there already; what stands in it after an error has no meaning.
#[inline]
pub fn parse_into(frame: &Frame<'_>, mode: Tunnels, packet: &mut Packet) -> Result<(), Unparsed> {
    *packet = Packet::default();
    // Tags from the ring are counted as on the wire, but they are not among the octets.
    let tags = frame.vlans.tcis().len() * 4;
    let mut walk = Walk {
        octets: frame.octets,
        wire_end: frame.octets.len().max((frame.wire_octets as usize).saturating_sub(tags)),
        packet,
    };
    for tci in frame.vlans.tcis() {
        walk.enter(EncapsulationKind::Vlan, u32::from(tci & link::VLAN_ID))?;
    }
    let first = link::first(&walk, frame.link)?;
    let mut reach = walk.next_ip(first)?;
    walk.packet.outer_ip_at = walk.packet.ip_at;
    if mode == Tunnels::Inner {
        while let Some(inner) = inside(&mut walk, &reach) {
            reach = inner;
        }
    }
    transport::read(walk.packet, frame.octets, &reach);
    if frame.checksum_unfinished {
        // Half a sum is the same in every segment of one length: no mark of this one.
        walk.packet.transport_checksum = 0;
    }
    Ok(())
}

/// The IP header inside the tunnel that the packet carries, if it does and there is one.
#[inline]
fn inside(walk: &mut Walk<'_, '_>, reach: &Reach) -> Option<Reach> {
    if tunnel::may_carry(walk.packet.protocol) && !walk.packet.is_later_fragment() {
        try_inside(walk, reach)
    } else {
        None
    }
}

fn try_inside(walk: &mut Walk<'_, '_>, reach: &Reach) -> Option<Reach> {
    walk.octets = &walk.octets[..reach.captured_end];
    walk.wire_end = reach.wire_end;
    let around = walk.packet.encapsulations.as_slice().len();
    let inner = tunnel::inside(walk, reach.body).and_then(|layer| walk.next_ip(layer).ok());
    if inner.is_none() {
        walk.packet.encapsulations.truncate(around);
    }
    inner
}
