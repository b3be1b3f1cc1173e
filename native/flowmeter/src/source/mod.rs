//! Where frames come from: capture files, standard input, interfaces.
//!
//! A source is called in a loop and gives batches of up to `BATCH` frames that borrow its memory until the call returns. It knows
//! neither packets nor flows, and no clock but the captures' own.

mod files;
mod input;
mod live;
mod pcap;
mod pcapng;
mod reader;
mod record;
mod ring;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

pub use files::CaptureFiles;
pub use live::{LiveCapture, LiveOptions};

use crate::packet::Frame;

/// Frames of a batch at most: enough to hide a cache miss, few enough to stay in the first-level cache.
pub const BATCH: usize = 64;

/// What a call to `next_batch` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Frames were given; there may be more at once.
    More,
    /// Nothing arrived within the source's patience (live only): tick by the wall clock and call again.
    Idle,
    /// The end of the input; further calls say so again.
    End,
}

/// What a source counted since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SourceCounts {
    /// Frames that came to the source: given, dropped, left out, or still in the ring.
    pub received: u64,
    /// Frames given.
    pub frames: u64,
    /// Frames the kernel dropped because the ring was full.
    pub dropped: u64,
    /// How often the ring froze.
    pub freezes: u64,
    /// Frames left out on purpose: the outgoing copies of a loopback device.
    pub copies: u64,
}

/// Anything that gives frames in the order of capture.
pub trait FrameSource {
    /// Give the next frames to `sink`, in one or a few slices of at most `BATCH`.
    ///
    /// An error comes after every frame before it was given; the source is at its end then.
    fn next_batch(&mut self, sink: &mut dyn FnMut(&[Frame<'_>])) -> Result<Progress, SourceError>;

    /// Counters so far; asks the kernel where there is one.
    fn counts(&mut self) -> SourceCounts;
}

/// Why a source cannot go on.
#[derive(Debug)]
pub enum SourceError {
    /// The input starts with no magic number of a capture format.
    NotACapture {
        /// Path, `-`, or interface.
        name: String,
    },
    /// The input has no octets at all.
    Empty {
        /// Path or `-`.
        name: String,
    },
    /// The input ends inside a record or block; what came before was given.
    CutShort {
        /// Path or `-`.
        name: String,
        /// Where in the (decompressed) input the record or block starts.
        offset: u64,
    },
    /// A length or field that cannot be; what came before was given.
    Malformed {
        /// Path or `-`.
        name: String,
        /// Where in the (decompressed) input the record or block starts.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system refused.
    Io {
        /// Path, `-`, or interface.
        name: String,
        /// Its error.
        error: io::Error,
    },
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture { name } => write!(f, "{name}: not a capture file (pcap or pcapng, plain, gzip or zstd)"),
            Self::Empty { name } => write!(f, "{name}: empty, not even a file header"),
            Self::CutShort { name, offset } => write!(f, "{name}: cut short in the record at octet {offset}"),
            Self::Malformed { name, offset, reason } => write!(f, "{name}: {reason} in the record at octet {offset}"),
            Self::Io { name, error } => write!(f, "{name}: {error}"),
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
