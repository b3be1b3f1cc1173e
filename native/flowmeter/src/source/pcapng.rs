//! The pcapng file format (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces with their own clocks.

use super::record::{Frames, Place, Step, MAX_RECORD};
use crate::packet::{LinkType, Passage};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// Replaced by the enhanced packet block in 2009, still found.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type and length in front of a block's body.
const BLOCK_HEADER: usize = 8;
/// The length again, behind the body.
const BLOCK_TRAILER: usize = 4;
const SECTION_HEADER: usize = 12;

mod option {
    pub const END: u16 = 0;
    pub const EPB_FLAGS: u16 = 2;
    pub const IF_TSRESOL: u16 = 9;
    pub const IF_TSOFFSET: u16 = 14;
}

/// How a clock's units become nanoseconds.
#[derive(Clone, Copy)]
enum Resolution {
    /// Nanoseconds of a unit.
    Multiply(u64),
    /// Units of a nanosecond.
    Divide(u64),
    /// Units of a second, as a power of two.
    Shift(u32),
}

impl Resolution {
    const MICROSECONDS: Self = Self::Multiply(1000);

    fn of(octet: u8) -> Self {
        let exponent = u32::from(octet & 0x7f);
        match (octet & 0x80 != 0, exponent) {
            (true, _) => Self::Shift(exponent),
            (false, 0..=9) => Self::Multiply(10_u64.pow(9 - exponent)),
            (false, _) => Self::Divide(10_u64.checked_pow(exponent - 9).unwrap_or(u64::MAX)),
        }
    }

    #[inline]
    fn ns(self, units: u64) -> i64 {
        let ns = match self {
            Self::Multiply(by) => units.saturating_mul(by),
            Self::Divide(by) => units / by,
            Self::Shift(by) => u64::try_from((u128::from(units) * 1_000_000_000) >> by).unwrap_or(u64::MAX),
        };
        i64::try_from(ns).unwrap_or(i64::MAX)
    }
}

/// An interface of the current section.
struct Interface {
    link: LinkType,
    snap_length: u32,
    resolution: Resolution,
    offset_ns: i64,
}

/// The current section.
pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before.
    interfaces_before: usize,
    /// Simple packet blocks have no time: they come with that of the frame before.
    last_ns: i64,
}

/// Numbers of a block's body in the byte order of the section.
struct Body<'a> {
    big_endian: bool,
    octets: &'a [u8],
}

impl<'a> Body<'a> {
    fn u16(&self, at: usize) -> Option<u16> {
        let number = u16::from_le_bytes(*self.octets.get(at..)?.first_chunk()?);
        Some(if self.big_endian { number.swap_bytes() } else { number })
    }

    #[inline]
    fn u32(&self, at: usize) -> Option<u32> {
        let number = u32::from_le_bytes(*self.octets.get(at..)?.first_chunk()?);
        Some(if self.big_endian { number.swap_bytes() } else { number })
    }

    /// Code and value of the option at `at`, and where the next one is; none at their end.
    fn option(&self, at: usize) -> Option<(u16, Body<'a>, usize)> {
        let (code, length) = (self.u16(at)?, usize::from(self.u16(at + 2)?));
        if code == option::END {
            return None;
        }
        let octets = self.octets.get(at + 4..at + 4 + length)?;
        let value = Body {
            big_endian: self.big_endian,
            octets,
        };
        Some((code, value, at + 4 + length.next_multiple_of(4)))
    }
}

impl Pcapng {
    /// Whether a file that starts so is one.
    pub fn is_magic(magic: [u8; 4]) -> bool {
        u32::from_le_bytes(magic) == SECTION
    }

    /// Before the first section header, which `step` reads.
    pub fn new() -> Self {
        Self {
            big_endian: false,
            interfaces: Vec::new(),
            interfaces_before: 0,
            last_ns: 0,
        }
    }

    fn u32_of(&self, window: &[u8], at: usize) -> u32 {
        let body = Body {
            big_endian: self.big_endian,
            octets: window,
        };
        body.u32(at).unwrap_or(0)
    }

    /// A section header says in which byte order its own length is.
    fn turn(&mut self, window: &[u8]) -> Result<(), &'static str> {
        let mark = window.get(BLOCK_HEADER..).and_then(|rest| rest.first_chunk());
        let mark = u32::from_le_bytes(*mark.unwrap_or(&[0; 4]));
        self.big_endian = match mark {
            BYTE_ORDER => false,
            _ if mark.swap_bytes() == BYTE_ORDER => true,
            _ => return Err("a section header of no known byte order"),
        };
        self.interfaces_before += self.interfaces.len();
        self.interfaces.clear();
        Ok(())
    }

    fn learn_interface(&mut self, body: &Body<'_>) -> Option<()> {
        let mut interface = Interface {
            link: LinkType::from_number(body.u16(0)?),
            snap_length: body.u32(4)?,
            resolution: Resolution::MICROSECONDS,
            offset_ns: 0,
        };
        let mut at = 8;
        while let Some((code, value, next)) = body.option(at) {
            match (code, value.octets.len()) {
                (option::IF_TSRESOL, 1) => interface.resolution = Resolution::of(value.octets[0]),
                (option::IF_TSOFFSET, 8) => {
                    let (first, second) = (u64::from(value.u32(0)?), u64::from(value.u32(4)?));
                    let seconds = if self.big_endian {
                        first << 32 | second
                    } else {
                        second << 32 | first
                    };
                    interface.offset_ns = (seconds as i64).saturating_mul(1_000_000_000);
                }
                _ => {}
            }
            at = next;
        }
        self.interfaces.push(interface);
        Some(())
    }

    /// A packet in any of the three kinds of block; `at` is relative to the block.
    #[inline]
    fn packet(&mut self, kind: u32, body: &Body<'_>) -> Result<Place, &'static str> {
        const SHORT: &str = "a packet block too short for its own fields";
        let number = match kind {
            ENHANCED_PACKET => body.u32(0).ok_or(SHORT)?,
            PACKET => u32::from(body.u16(0).ok_or(SHORT)?),
            _ => 0,
        };
        let Some(interface) = self.interfaces.get(number as usize) else {
            return Err("a packet of an interface that was not described");
        };
        let mut place = Place {
            link: interface.link,
            interface: (self.interfaces_before + number as usize).min(usize::from(u16::MAX)) as u16,
            ..Place::default()
        };
        let start = if kind == SIMPLE_PACKET {
            place.wire = body.u32(0).ok_or(SHORT)?;
            place.ts_ns = self.last_ns;
            let stored = (body.octets.len() - 4) as u32;
            let snapped = if interface.snap_length == 0 {
                u32::MAX
            } else {
                interface.snap_length
            };
            place.captured = place.wire.min(snapped).min(stored);
            4
        } else {
            let (high, low) = (body.u32(4).ok_or(SHORT)?, body.u32(8).ok_or(SHORT)?);
            place.captured = body.u32(12).ok_or(SHORT)?;
            place.wire = body.u32(16).ok_or(SHORT)?;
            let units = u64::from(high) << 32 | u64::from(low);
            place.ts_ns = interface.resolution.ns(units).saturating_add(interface.offset_ns);
            20
        };
        let end = start + place.captured as usize;
        if end > body.octets.len() {
            return Err("a captured length beyond its block");
        }
        if kind == ENHANCED_PACKET && end + 8 <= body.octets.len() {
            place.passage = passage(body, end.next_multiple_of(4));
        }
        place.at = BLOCK_HEADER + start;
        self.last_ns = place.ts_ns;
        Ok(place)
    }
}

/// The direction in the lowest two bits of the flags option.
fn passage(body: &Body<'_>, mut at: usize) -> Passage {
    while let Some((code, value, next)) = body.option(at) {
        if code == option::EPB_FLAGS {
            return match value.u32(0).unwrap_or(0) & 3 {
                1 => Passage::Incoming,
                2 => Passage::Outgoing,
                _ => Passage::Unknown,
            };
        }
        at = next;
    }
    Passage::Unknown
}

impl Frames for Pcapng {
    #[inline]
    fn step(&mut self, window: &[u8]) -> Step {
        if window.len() < SECTION_HEADER {
            return Step::Need(SECTION_HEADER);
        }
        let kind = self.u32_of(window, 0);
        // The number of a section header reads the same in both byte orders.
        let turned = if kind == SECTION { self.turn(window) } else { Ok(()) };
        if let Err(reason) = turned {
            return Step::Bad(reason);
        }
        let stated = self.u32_of(window, 4);
        let size = stated as usize;
        if stated > MAX_RECORD || stated % 4 != 0 || size < BLOCK_HEADER + BLOCK_TRAILER {
            return Step::Bad("a block length that cannot be");
        }
        if window.len() < size {
            return Step::Need(size);
        }
        if self.u32_of(window, size - BLOCK_TRAILER) != stated {
            return Step::Bad("two block lengths that differ");
        }
        let body = Body {
            big_endian: self.big_endian,
            octets: &window[BLOCK_HEADER..size - BLOCK_TRAILER],
        };
        match kind {
            ENHANCED_PACKET | SIMPLE_PACKET | PACKET => match self.packet(kind, &body) {
                Ok(place) => Step::Frame { place, size },
                Err(reason) => Step::Bad(reason),
            },
            INTERFACE => match self.learn_interface(&body) {
                Some(()) => Step::Skip { size },
                None => Step::Bad("an interface block too short for its own fields"),
            },
            _ => Step::Skip { size },
        }
    }
}
