//! The words between packet sources, parser and flow table: a captured frame, the packet read from it, and why one was not.
//!
//! A `Frame` borrows the source's memory; a `Packet` is plain values (`Copy`, no heap) and says where in the frame its payload is.
//! Nothing here reads octets: `parse` does.

use std::fmt;

/// How many encapsulations a packet may have before `Unparsed::TunnelTooDeep`.
pub const MAX_ENCAPSULATIONS: usize = 8;
/// SACK blocks that fit into the options of one segment.
pub const MAX_SACK_BLOCKS: usize = 4;

/// What the first octet of a frame is (the `LINKTYPE_` registry of tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LinkType {
    /// Ethernet II or 802.3 with LLC.
    #[default]
    Ethernet,
    /// An IPv4 or IPv6 header.
    RawIp,
    /// Linux cooked capture, 16 octets.
    LinuxSll,
    /// Linux cooked capture v2, 20 octets.
    LinuxSll2,
    /// BSD loopback: address family in the byte order of the capturing host.
    BsdNull,
    /// OpenBSD loopback: address family in network order.
    BsdLoop,
    /// PPP, with or without the HDLC address and control octets (RFC 1662).
    Ppp,
    /// `PPPoE` session packet without its Ethernet header.
    PppoeSession,
    /// Cisco HDLC, or PPP in HDLC-like framing.
    Hdlc,
    /// No link header at all; this is the `EtherType` it had (`AF_PACKET` without link headers).
    Network(u16),
    /// A link type this parser does not know.
    Other(u16),
}

impl LinkType {
    /// From the number in a capture file.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            // 12 and 14 are DLT_RAW of BSDs, written by old tools; 228 and 229 state the version.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            0 => Self::BsdNull,
            108 => Self::BsdLoop,
            9 => Self::Ppp,
            50 | 104 => Self::Hdlc,
            51 => Self::PppoeSession,
            other => Self::Other(other),
        }
    }
}

/// Which way a frame passed the capturing host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Passage {
    /// The source does not say (most files).
    #[default]
    Unknown,
    /// Came in.
    Incoming,
    /// Went out.
    Outgoing,
}

/// VLAN tags that the kernel took out of the frame, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VlanTags {
    tci: [u16; 2],
    count: u8,
}

impl VlanTags {
    /// No tag.
    pub const NONE: Self = Self { tci: [0; 2], count: 0 };

    /// Append a tag (TCI: priority, DEI and VLAN id); a third one is not kept.
    pub fn push(&mut self, tci: u16) {
        if let Some(slot) = self.tci.get_mut(usize::from(self.count)) {
            *slot = tci;
            self.count += 1;
        }
    }

    /// Tags, outermost first.
    #[must_use]
    pub fn tcis(&self) -> &[u16] {
        &self.tci[..usize::from(self.count)]
    }
}

/// One frame as a source gives it; the octets live as long as the batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// When it was captured, Unix time.
    pub ts_ns: i64,
    /// Octets captured, from the link header on.
    pub octets: &'a [u8],
    /// Octets on the wire as the source states them, tags in `vlans` included; at least `octets.len()`.
    pub wire_octets: u32,
    /// What `octets` start with.
    pub link: LinkType,
    /// VLAN tags from the ring's metadata (`AF_PACKET` strips them from the octets).
    pub vlans: VlanTags,
    /// Which way it passed.
    pub passage: Passage,
    /// A host's super-segment (GRO, TSO): several wire packets in one.
    pub super_segment: bool,
    /// The sending host has not filled in the transport checksum yet.
    pub checksum_unfinished: bool,
    /// Number of the interface within the source.
    pub interface: u16,
}

/// Whose addresses are the key of a tunnelled packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tunnels {
    /// The innermost IP header.
    #[default]
    Inner,
    /// The outermost IP header.
    Outer,
}

/// IP address; an IPv4 address is in the first four octets and the rest is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Address(pub [u8; 16]);

/// Kind of one encapsulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u32)] // no padding beside the number: clearing a packet's stack is then a few wide stores
pub enum EncapsulationKind {
    /// 802.1Q or 802.1ad tag; id is the VLAN id.
    #[default]
    Vlan,
    /// One MPLS label; id is the label.
    Mpls,
    /// `PPPoE`; id is the session id.
    Pppoe,
    /// GRE without key.
    Gre,
    /// GRE with key; id is the key.
    GreKey,
    /// IP in IP of either versions.
    Ipip,
    /// VXLAN and VXLAN-GPE; id is the VNI.
    Vxlan,
    /// Geneve; id is the VNI.
    Geneve,
    /// GTP-U; id is the TEID.
    Gtpu,
    /// ERSPAN; id is the session id.
    Erspan,
    /// Teredo (RFC 4380).
    Teredo,
}

/// One encapsulation with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Encapsulation {
    /// What it is.
    pub kind: EncapsulationKind,
    /// Its number; 0 for kinds without one.
    pub id: u32,
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use EncapsulationKind as Kind;
        let name = match self.kind {
            Kind::Vlan => "vlan",
            Kind::Mpls => "mpls",
            Kind::Pppoe => "pppoe",
            Kind::Gre => return f.write_str("gre"),
            Kind::GreKey => "gre",
            Kind::Ipip => return f.write_str("ipip"),
            Kind::Vxlan => "vxlan",
            Kind::Geneve => "geneve",
            Kind::Gtpu => "gtpu",
            Kind::Erspan => "erspan",
            Kind::Teredo => return f.write_str("teredo"),
        };
        write!(f, "{name}:{}", self.id)
    }
}

/// Encapsulations around the keyed IP header, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Encapsulations {
    entries: [Encapsulation; MAX_ENCAPSULATIONS],
    count: u8,
}

impl Encapsulations {
    /// Append one; false when there is no room.
    #[must_use]
    pub fn push(&mut self, kind: EncapsulationKind, id: u32) -> bool {
        let Some(slot) = self.entries.get_mut(usize::from(self.count)) else {
            return false;
        };
        *slot = Encapsulation { kind, id };
        self.count += 1;
        true
    }

    /// Forget all but the outermost `count`.
    pub fn truncate(&mut self, count: usize) {
        if let Some(inner) = self.entries.get_mut(count..) {
            inner.fill(Encapsulation::default());
            self.count = self.count.min(count as u8);
        }
    }

    /// Outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[Encapsulation] {
        &self.entries[..usize::from(self.count)]
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What makes a packet a fragment; a whole packet has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Offset in octets; 0 is the first fragment, which has the ports.
    pub offset: u32,
    /// Another fragment follows.
    pub more: bool,
}

impl Fragment {
    /// The one with the transport header.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.offset == 0
    }
}

/// TCP flags as the header has them (with ECE, CWR and the accurate-ECN bit 0x100).
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u16 = 0x01;
    /// First segment of a direction.
    pub const SYN: u16 = 0x02;
    /// Abort.
    pub const RST: u16 = 0x04;
    /// Push.
    pub const PSH: u16 = 0x08;
    /// The acknowledgement number is valid.
    pub const ACK: u16 = 0x10;
    /// Urgent.
    pub const URG: u16 = 0x20;
}

/// What a TCP header says; options that are absent, malformed or not captured are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tcp {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number (valid with `flags::ACK`).
    pub ack: u32,
    /// Flags, 12 bits.
    pub flags: u16,
    /// Window as in the header, not scaled.
    pub window: u16,
    /// Payload by the IP length, whatever part was captured.
    pub payload_octets: u32,
    /// Maximum segment size (SYN only).
    pub mss: Option<u16>,
    /// Window shift (SYN only).
    pub window_shift: Option<u8>,
    /// SACK permitted (SYN only).
    pub sack_permitted: bool,
    /// `TSval` and `TSecr`.
    pub timestamps: Option<(u32, u32)>,
    /// SACK blocks, left and right edge; see `sacks()`.
    pub sack_blocks: [(u32, u32); MAX_SACK_BLOCKS],
    /// How many of `sack_blocks` are there.
    pub sack_count: u8,
}

impl Tcp {
    /// SACK blocks in the order of the option.
    #[must_use]
    pub fn sacks(&self) -> &[(u32, u32)] {
        &self.sack_blocks[..usize::from(self.sack_count).min(MAX_SACK_BLOCKS)]
    }

    /// Whether any of these flags is set.
    #[must_use]
    pub const fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }
}

/// What an ICMP or `ICMPv6` header says (`Packet::protocol` tells which).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of queries that have one, else 0.
    pub identifier: u16,
    /// An error that quotes another packet's header (which is not a flow).
    pub is_error: bool,
    /// The answer of a query: its ports are swapped, so that it meets the query's flow.
    pub is_reply: bool,
}

/// What stands behind the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transport {
    /// A TCP header with at least its 20 octets.
    Tcp(Tcp),
    /// A UDP header.
    Udp {
        /// Payload by the UDP length (by the IP length where UDP states 0 or more than fits).
        payload_octets: u32,
    },
    /// An ICMP or `ICMPv6` header.
    Icmp(Icmp),
    /// Another protocol, a later fragment, or a transport header that was not captured.
    #[default]
    Other,
}

/// One packet, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Packet {
    /// Source of the keyed IP header.
    pub source: Address,
    /// Destination of the keyed IP header.
    pub destination: Address,
    /// Which version the keyed header has.
    pub is_v6: bool,
    /// IANA protocol number after extension headers.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Source port; 0 without one. ICMP queries: the identifier; replies: request type·256 + code.
    pub source_port: u16,
    /// Destination port; 0 without one. ICMP queries and errors: type·256 + code; replies: the identifier.
    pub destination_port: u16,
    /// IP total length of the keyed header (by the wire length when the header says 0).
    pub ip_octets: u32,
    /// IPv4 identification, or that of an IPv6 fragment, low 16 bits.
    pub ip_id: Option<u16>,
    /// IPv4 header checksum, for telling copies apart; 0 for IPv6.
    pub ip_checksum: u16,
    /// Transport checksum as in the header; 0 where there is none, it is unfinished, or it was not captured.
    pub transport_checksum: u16,
    /// Present on fragments only.
    pub fragment: Option<Fragment>,
    /// What stands behind the IP header.
    pub transport: Transport,
    /// Encapsulations around the keyed IP header.
    pub encapsulations: Encapsulations,
    /// Where in the frame the outermost IP header starts.
    pub outer_ip_at: u32,
    /// Where in the frame the keyed IP header starts.
    pub ip_at: u32,
    /// Where in the frame the transport payload starts.
    pub payload_at: u32,
    /// Octets of the transport payload that were captured.
    pub payload_captured: u32,
    /// The frame ends before the IP packet does (snap length).
    pub truncated: bool,
    /// Not even the transport header was captured wholly: what it would say is left out.
    pub header_cut: bool,
}

impl Packet {
    /// The part of the transport payload that was captured; `frame` is the one this packet was read from.
    #[must_use]
    pub fn payload<'a>(&self, frame: &Frame<'a>) -> &'a [u8] {
        let from = self.payload_at as usize;
        frame
            .octets
            .get(from..from + self.payload_captured as usize)
            .unwrap_or_default()
    }

    /// A fragment without the transport header.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| !fragment.is_first())
    }

    /// The TCP header, when it is one.
    #[must_use]
    pub const fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }
}

/// Why a frame has no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Unparsed {
    /// A whole link header that carries something else (ARP, LLDP, ...).
    NotIp,
    /// The frame ends inside its link header or a tag, label or session header.
    TruncatedLink,
    /// The frame ends inside the IP header.
    TruncatedIp,
    /// Version, header length or total length cannot be.
    BadIpHeader,
    /// No parser for this link type.
    UnknownLinkType,
    /// More than `MAX_ENCAPSULATIONS` before any IP header.
    TunnelTooDeep,
}

impl Unparsed {
    /// All reasons, in the order of `index`.
    pub const ALL: [Self; 6] = [
        Self::NotIp,
        Self::TruncatedLink,
        Self::TruncatedIp,
        Self::BadIpHeader,
        Self::UnknownLinkType,
        Self::TunnelTooDeep,
    ];

    /// Place in an array of counters of `ALL.len()`.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Stable name, as in `summary.unparsed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotIp => "not_ip",
            Self::TruncatedLink => "truncated_link",
            Self::TruncatedIp => "truncated_ip",
            Self::BadIpHeader => "bad_ip_header",
            Self::UnknownLinkType => "unknown_link_type",
            Self::TunnelTooDeep => "tunnel_too_deep",
        }
    }
}
