//! The octets of one capture: a file or standard input, plain, gzip or zstd by its first octets.
//!
//! Reading into a buffer that stays in the cache takes half the time of mapping the file in stretches (50 against 90 ns a frame on a
//! virtual machine, where page faults are dear), and a file that someone cuts while it is read is an error instead of a signal. The
//! buffer grows with the octets that are there, never with a length that a file states.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// The buffer to begin with: it fits the second-level cache.
const BUFFER: usize = 256 << 10;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A window that slides over the octets of a capture.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Octets (decompressed) before the window.
    offset: u64,
    /// A compressed stream that ended too early.
    cut: bool,
}

impl Input {
    /// `-` is standard input.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::new(Box::new(io::stdin()));
        }
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Self::new(Box::new(file))
    }

    /// Look at the first octets and undo a compression.
    pub fn new(mut reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(ZSTD.len());
        reader.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        let (gzip, zstd) = (magic.starts_with(&GZIP), magic == ZSTD);
        let whole = Cursor::new(magic).chain(reader);
        Ok(Self {
            reader: if gzip {
                Box::new(MultiGzDecoder::new(whole))
            } else if zstd {
                Box::new(ZstdDecoder::new(whole)?)
            } else {
                Box::new(whole)
            },
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            offset: 0,
            cut: false,
        })
    }

    /// What was read and not yet consumed.
    #[inline]
    pub fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where the window starts within `buffer`.
    #[inline]
    pub fn position(&self) -> usize {
        self.start
    }

    /// Octets from a `position`; they stay until the next `fill`.
    #[inline]
    pub fn octets(&self, position: usize, count: usize) -> &[u8] {
        self.buffer.get(position..position + count).unwrap_or_default()
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the end came inside a compressed stream.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Go on behind the first `count` octets of the window.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Read until the window has `count` octets; false at the end of the input.
    pub fn fill(&mut self, count: usize) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < count {
            if self.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.cut = true;
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
