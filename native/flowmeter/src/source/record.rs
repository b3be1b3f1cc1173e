//! What the two file formats have in common: a step over one record or block.

use crate::packet::{Frame, LinkType, Passage};

/// Octets of a record or block at most: more is a broken length, not a frame.
pub(super) const MAX_RECORD: u32 = 256 << 20;

/// Where a frame lies in the input's buffer, and what its record says.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub ts_ns: i64,
    /// From the start of the record; the reader makes it one within the buffer.
    pub at: usize,
    pub captured: u32,
    pub wire: u32,
    pub link: LinkType,
    pub passage: Passage,
    pub interface: u16,
}

impl Place {
    #[inline]
    pub fn frame<'a>(&self, octets: &'a [u8]) -> Frame<'a> {
        Frame {
            ts_ns: self.ts_ns,
            octets,
            wire_octets: self.wire.max(self.captured),
            link: self.link,
            passage: self.passage,
            interface: self.interface,
            ..Frame::default()
        }
    }
}

/// What stands at the start of a window.
pub(super) enum Step {
    /// A frame, in a record or block of `size` octets.
    Frame { place: Place, size: usize },
    /// A block without a frame.
    Skip { size: usize },
    /// It cannot be told before the window has so many octets.
    Need(usize),
    /// Something that cannot be.
    Bad(&'static str),
}

/// A file format, behind its file header.
pub(super) trait Frames {
    fn step(&mut self, window: &[u8]) -> Step;
}
