//! The pcap file format: both byte orders, micro- and nanoseconds, and the longer record header of Kuznetzov's patch.

use super::record::{Frames, Place, Step, MAX_RECORD};
use crate::packet::LinkType;

const RECORD_HEADER: usize = 16;
/// Interface, protocol and packet type follow the usual fields.
const PATCHED_RECORD_HEADER: usize = 24;
/// Snap length that every reader takes, whatever the file header says (libpcap's `MAXIMUM_SNAPLEN`).
const USUAL_SNAP_LENGTH: u32 = 262_144;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const PATCHED: u32 = 0xa1b2_cd34;

/// What the file header says.
pub(super) struct Pcap {
    big_endian: bool,
    unit_ns: i64,
    record_header: usize,
    link: LinkType,
    longest: u32,
    /// Before version 2.4 some programs wrote the two lengths the other way round.
    old: bool,
}

impl Pcap {
    /// Octets of the file header.
    pub const FILE_HEADER: usize = 24;

    /// Whether a file that starts so is one.
    pub fn is_magic(magic: [u8; 4]) -> bool {
        [u32::from_le_bytes(magic), u32::from_be_bytes(magic)]
            .iter()
            .any(|number| [MICROSECONDS, NANOSECONDS, PATCHED].contains(number))
    }

    /// From the file header; none when there are too few octets.
    pub fn open(window: &[u8]) -> Option<Self> {
        let header = window.first_chunk::<{ Self::FILE_HEADER }>()?;
        let little = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let big_endian = ![MICROSECONDS, NANOSECONDS, PATCHED].contains(&little);
        let magic = if big_endian { little.swap_bytes() } else { little };
        let u16_at = |at: usize| ordered16(big_endian, [header[at], header[at + 1]]);
        let u32_at = |at: usize| ordered32(big_endian, [header[at], header[at + 1], header[at + 2], header[at + 3]]);
        Some(Self {
            big_endian,
            unit_ns: if magic == NANOSECONDS { 1 } else { 1000 },
            record_header: if magic == PATCHED {
                PATCHED_RECORD_HEADER
            } else {
                RECORD_HEADER
            },
            // The upper half has the length of the frame check sequence.
            link: LinkType::from_number(u32_at(20) as u16),
            longest: u32_at(16).clamp(USUAL_SNAP_LENGTH, MAX_RECORD),
            old: u16_at(4) == 2 && u16_at(6) < 4,
        })
    }
}

fn ordered16(big_endian: bool, octets: [u8; 2]) -> u16 {
    if big_endian {
        u16::from_be_bytes(octets)
    } else {
        u16::from_le_bytes(octets)
    }
}

#[inline]
fn ordered32(big_endian: bool, octets: [u8; 4]) -> u32 {
    let number = u32::from_le_bytes(octets);
    if big_endian {
        number.swap_bytes()
    } else {
        number
    }
}

impl Frames for Pcap {
    #[inline]
    fn step(&mut self, window: &[u8]) -> Step {
        let Some(header) = window.first_chunk::<RECORD_HEADER>() else {
            return Step::Need(RECORD_HEADER);
        };
        let u32_at = |at: usize| ordered32(self.big_endian, [header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (mut captured, mut wire) = (u32_at(8), u32_at(12));
        if self.old && captured > wire {
            (captured, wire) = (wire, captured);
        }
        if captured > self.longest {
            return Step::Bad("a captured length beyond any snap length");
        }
        let size = self.record_header + captured as usize;
        if window.len() < size {
            return Step::Need(size);
        }
        let place = Place {
            ts_ns: i64::from(u32_at(0)) * 1_000_000_000 + i64::from(u32_at(4)) * self.unit_ns,
            at: self.record_header,
            captured,
            wire,
            link: self.link,
            ..Place::default()
        };
        Step::Frame { place, size }
    }
}
