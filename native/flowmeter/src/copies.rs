//! Copies of a packet that an observation point sees twice: a mirror that takes both ports of a switch, or two hops of one path.
//!
//! The fingerprint of each packet is kept for a while. A copy has the same IP identification and the same transport checksum; a
//! retransmission has a new identification.

use crate::key::Seed;
use crate::packet::{flags, Packet, Transport};

/// Fingerprints kept: 128 KiB.
const SETS: usize = 1 << 11;
/// A fingerprint has the choice of these many places and takes the oldest, so that none goes soon by bad luck.
const WAYS: usize = 4;
/// Copies of a packet with an identification come within this time; the 16 bits of a busy host come round later than that.
const WINDOW_NS: i64 = 100_000_000;
/// Without identification only what comes almost at once is a copy: nothing else tells it from a retransmission.
const BARE_WINDOW_NS: i64 = 100_000;

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    fingerprint: u64,
    seen_ns: i64,
}

/// Packets seen lately.
#[derive(Debug)]
pub struct Copies {
    sets: Vec<[Seen; WAYS]>,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            sets: vec![[Seen::default(); WAYS]; SETS],
        }
    }
}

impl Copies {
    /// Whether this packet of the flow and direction that `flow` stands for was seen just now; it is remembered either way.
    pub fn is_copy(&mut self, packet: &Packet, flow: u64, now_ns: i64, seed: &Seed) -> bool {
        if packet.transport_checksum == 0 {
            return false;
        }
        let identified = packet.ip_id.filter(|&id| id != 0);
        let (content, window) = match (&packet.transport, identified) {
            (Transport::Tcp(tcp), Some(_)) => (u64::from(tcp.seq) << 32 | u64::from(tcp.ack), WINDOW_NS),
            // Two bare duplicate ACKs in a row are the same octets twice, and both are meant.
            (Transport::Tcp(tcp), None) if tcp.payload_octets > 0 || tcp.has(flags::SYN | flags::FIN) => {
                (u64::from(tcp.seq) << 32 | u64::from(tcp.ack), BARE_WINDOW_NS)
            }
            (Transport::Udp { .. } | Transport::Icmp(_), Some(_)) => (0, WINDOW_NS),
            _ => return false,
        };
        let header =
            u64::from(identified.unwrap_or(0)) << 48 | u64::from(packet.transport_checksum) << 32 | u64::from(packet.ip_octets);
        let fingerprint = seed.mix(seed.mix(flow, content), header);
        let set = &mut self.sets[fingerprint as usize % SETS];
        let known = set.iter().position(|seen| seen.fingerprint == fingerprint);
        let copy = known.is_some_and(|at| (0..window).contains(&(now_ns - set[at].seen_ns)));
        let oldest = || (0..WAYS).min_by_key(|&at| set[at].seen_ns).unwrap_or(0);
        set[known.unwrap_or_else(oldest)] = Seen {
            fingerprint,
            seen_ns: now_ns,
        };
        copy
    }
}
