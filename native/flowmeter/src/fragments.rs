//! Later IP fragments have no ports: they belong to the flow of their first fragment, which this remembers for a while.

use crate::key::Seed;
use crate::packet::{Address, Fragment, Packet};

/// Packets in fragments at once; a power of two. An older one that falls on the same place is forgotten.
const PLACES: usize = 1024;
/// Fragments of one packet come within this time (RFC 8200, 4.5 gives reassembly 60 s; identifications repeat sooner than that).
const LIFETIME_NS: i64 = 30_000_000_000;

#[derive(Clone, Copy, Debug, Default)]
struct First {
    source: Address,
    destination: Address,
    id: u32,
    protocol: u8,
    ports: (u16, u16),
    seen_ns: Option<i64>,
}

/// First fragments seen lately.
#[derive(Debug, Default)]
pub struct Fragments {
    places: Vec<First>,
}

impl Fragments {
    /// The ports of a packet; for a later fragment those of its first, 0 when that was not seen.
    pub fn ports(&mut self, packet: &Packet, now_ns: i64, seed: &Seed) -> (u16, u16) {
        let own = (packet.source_port, packet.destination_port);
        let Some(fragment) = packet.fragment else { return own };
        if self.places.is_empty() {
            self.places = vec![First::default(); PLACES];
        }
        let place = &mut self.places[place_of(packet, &fragment, seed)];
        if fragment.is_first() {
            *place = First {
                source: packet.source,
                destination: packet.destination,
                id: fragment.id,
                protocol: packet.protocol,
                ports: own,
                seen_ns: Some(now_ns),
            };
            return own;
        }
        let same = place.source == packet.source
            && place.destination == packet.destination
            && place.id == fragment.id
            && place.protocol == packet.protocol
            && place.seen_ns.is_some_and(|seen| now_ns - seen < LIFETIME_NS);
        if same {
            place.ports
        } else {
            (0, 0)
        }
    }
}

fn place_of(packet: &Packet, fragment: &Fragment, seed: &Seed) -> usize {
    let ends = u128::from_be_bytes(packet.source.0) ^ u128::from_be_bytes(packet.destination.0).rotate_left(17);
    let ends = seed.mix((ends >> 64) as u64, ends as u64);
    seed.mix(ends, u64::from(fragment.id)) as usize % PLACES
}
