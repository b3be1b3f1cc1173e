//! What makes packets one flow: both ends in one order, whichever way a packet goes, and a keyed hash of them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::packet::{Address, Encapsulation, EncapsulationKind, Encapsulations, Packet};

/// Which encapsulations are part of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// VLAN ids.
    pub vlan: bool,
    /// Tunnel ids. MPLS labels, and the numbers of GTP-U tunnels, differ by direction: as part of the key they would cut every biflow in
    /// two, so labels are left out and of GTP-U only that it is there.
    pub tunnel: bool,
}

impl KeyOptions {
    /// The part of a packet's encapsulations that tells flows apart.
    #[must_use]
    pub fn select(self, all: &Encapsulations) -> Encapsulations {
        let mut kept = Encapsulations::default();
        if !self.vlan && !self.tunnel {
            return kept;
        }
        for &Encapsulation { kind, id } in all.as_slice() {
            let part = match kind {
                EncapsulationKind::Vlan => self.vlan.then_some(id),
                EncapsulationKind::Mpls => None,
                EncapsulationKind::Gtpu => self.tunnel.then_some(0),
                _ => self.tunnel.then_some(id),
            };
            // There is room: not more than there was.
            let _ = part.map(|id| kept.push(kind, id));
        }
        kept
    }
}

/// Both ends of a flow, the lower (address, port) first, and the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Addresses of both sides.
    pub addresses: [Address; 2],
    /// Ports of both sides.
    pub ports: [u16; 2],
    /// IP protocol.
    pub protocol: u8,
    /// IPv6.
    pub is_v6: bool,
}

impl Key {
    /// The key of a packet with these ports, and which side sent it.
    #[must_use]
    pub fn of(packet: &Packet, (source_port, destination_port): (u16, u16)) -> (Self, usize) {
        let source = (u128::from_be_bytes(packet.source.0), source_port);
        let destination = (u128::from_be_bytes(packet.destination.0), destination_port);
        let side = usize::from(source > destination);
        let mut key = Self {
            addresses: [packet.source, packet.destination],
            ports: [source_port, destination_port],
            protocol: packet.protocol,
            is_v6: packet.is_v6,
        };
        if side == 1 {
            key.addresses.swap(0, 1);
            key.ports.swap(0, 1);
        }
        (key, side)
    }
}

/// A secret drawn at start, so that nobody can aim at one bucket of the table.
#[derive(Clone, Copy, Debug)]
pub struct Seed([u64; 4]);

impl Seed {
    /// From the system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(std::array::from_fn(|_| RandomState::new().build_hasher().finish() | 1))
    }

    /// Hash of a key with the encapsulations that belong to it.
    #[must_use]
    #[inline]
    pub fn hash(&self, key: &Key, encapsulations: &Encapsulations) -> u64 {
        let [low, high] = key.addresses.map(|address| u128::from_be_bytes(address.0));
        let rest =
            u64::from(key.ports[0]) << 48 | u64::from(key.ports[1]) << 32 | u64::from(key.protocol) << 1 | u64::from(key.is_v6);
        let mut hash = fold(
            fold((low >> 64) as u64 ^ self.0[0], low as u64 ^ self.0[1]) ^ rest,
            fold((high >> 64) as u64 ^ self.0[2], high as u64 ^ self.0[3]),
        );
        for &Encapsulation { kind, id } in encapsulations.as_slice() {
            hash = fold(hash ^ self.0[0], (u64::from(id) << 8 | kind as u64) ^ self.0[1]);
        }
        fold(hash ^ self.0[1], self.0[3])
    }

    /// Hash of two numbers under the same secret.
    #[must_use]
    #[inline]
    pub fn mix(&self, a: u64, b: u64) -> u64 {
        fold(a ^ self.0[2], b ^ self.0[0])
    }
}

/// Both halves of a 64 x 64 bit product, folded: the mixing step of wyhash.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
