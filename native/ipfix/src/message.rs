//! The frames of IPFIX (RFC 7011, 3.1 and 3.3): messages of a file, sets of a message, each with its offset. Knows no template.

use std::fmt;

/// Octets before the first set of a message.
pub const MESSAGE_HEADER: usize = 16;
/// Octets before the content of a set.
pub const SET_HEADER: usize = 4;
/// A message's length field has 16 bits.
pub const MAX_MESSAGE: usize = 65_535;
/// Version of IPFIX messages.
pub const VERSION: u16 = 10;
/// Set id of templates.
pub const TEMPLATE_SET: u16 = 2;
/// Set id of options templates.
pub const OPTIONS_TEMPLATE_SET: u16 = 3;
/// Field length that says: the length stands before each value.
pub const VARIABLE: u16 = 65_535;

/// Octets that are not what they claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Octet, counted from the start of what was given.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Malformed {
    /// Something wrong at an octet.
    pub fn at(offset: usize, reason: impl Into<String>) -> Self {
        Self {
            offset,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "octet {}: {}", self.offset, self.reason)
    }
}

impl std::error::Error for Malformed {}

/// A big-endian number of 1 to 8 octets.
#[must_use]
pub fn unsigned(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |value, &octet| value << 8 | u64::from(octet))
}

/// Two octets at `at`, where the caller has checked that they are there.
#[must_use]
pub fn u16_at(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

/// Four octets at `at`, where the caller has checked that they are there.
#[must_use]
pub fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its octets, header included.
    pub octets: &'a [u8],
    /// Where it starts in what was given.
    pub offset: usize,
}

impl<'a> Message<'a> {
    /// The message that starts at `offset`; what follows it is left alone.
    pub fn read(octets: &'a [u8], offset: usize) -> Result<Self, Malformed> {
        let rest = &octets[offset..];
        if rest.len() < MESSAGE_HEADER {
            return Err(Malformed::at(
                offset,
                format!("{} octets are too few for a message header", rest.len()),
            ));
        }
        let (version, length) = (u16_at(rest, 0), usize::from(u16_at(rest, 2)));
        if version != VERSION {
            return Err(Malformed::at(offset, format!("version {version} is not IPFIX")));
        }
        if length < MESSAGE_HEADER || length > rest.len() {
            return Err(Malformed::at(
                offset + 2,
                format!("message length {length} with {} octets left", rest.len()),
            ));
        }
        Ok(Self {
            octets: &rest[..length],
            offset,
        })
    }

    /// Export time, Unix seconds.
    #[must_use]
    pub fn export_s(&self) -> u32 {
        u32_at(self.octets, 4)
    }

    /// Data records the exporter had sent before this message, modulo 2³².
    #[must_use]
    pub fn sequence(&self) -> u32 {
        u32_at(self.octets, 8)
    }

    /// Observation domain.
    #[must_use]
    pub fn domain(&self) -> u32 {
        u32_at(self.octets, 12)
    }

    /// The sets of the message. An impossible set length ends the list with an error.
    #[must_use]
    pub fn sets(&self) -> Sets<'a> {
        Sets {
            octets: self.octets,
            at: MESSAGE_HEADER,
            offset: self.offset,
        }
    }
}

/// One set of a message.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// 2 and 3 hold templates, 256 and up data.
    pub id: u16,
    /// What follows the set header.
    pub content: &'a [u8],
    /// Where the content starts in what was given.
    pub offset: usize,
}

/// Walks the sets of a message.
#[derive(Debug)]
pub struct Sets<'a> {
    octets: &'a [u8],
    at: usize,
    offset: usize,
}

impl<'a> Sets<'a> {
    /// Sets of any protocol with this framing: `at` is where the first one starts, `offset` where `octets` itself does.
    #[must_use]
    pub const fn new(octets: &'a [u8], at: usize, offset: usize) -> Self {
        Self { octets, at, offset }
    }
}

impl<'a> Iterator for Sets<'a> {
    type Item = Result<Set<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.octets.len().checked_sub(self.at).filter(|&left| left > 0)?;
        let start = self.at;
        self.at = self.octets.len();
        if left < SET_HEADER {
            return Some(Err(Malformed::at(
                self.offset + start,
                format!("{left} octets are too few for a set header"),
            )));
        }
        let (id, length) = (u16_at(self.octets, start), usize::from(u16_at(self.octets, start + 2)));
        if length < SET_HEADER || length > left {
            return Some(Err(Malformed::at(
                self.offset + start + 2,
                format!("set {id}: length {length} with {left} octets left"),
            )));
        }
        self.at = start + length;
        Some(Ok(Set {
            id,
            content: &self.octets[start + SET_HEADER..start + length],
            offset: self.offset + start + SET_HEADER,
        }))
    }
}

/// Append a message header; its length is set by `close_message`.
pub fn open_message(out: &mut Vec<u8>, export_s: u32, sequence: u32, domain: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&export_s.to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&domain.to_be_bytes());
    start
}

/// Write the length of the message that began at `start`, which the caller kept within `MAX_MESSAGE`.
pub fn close_message(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u16;
    out[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Append a set.
pub fn put_set(out: &mut Vec<u8>, id: u16, content: &[u8]) {
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&((content.len() + SET_HEADER) as u16).to_be_bytes());
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let mut out = Vec::new();
        let start = open_message(&mut out, 7, 8, 9);
        put_set(&mut out, 256, b"abc");
        put_set(&mut out, 257, b"");
        close_message(&mut out, start);
        out
    }

    #[test]
    fn what_was_written_is_read_back() {
        let octets = message();
        let read = Message::read(&octets, 0).unwrap();
        assert_eq!((read.export_s(), read.sequence(), read.domain()), (7, 8, 9));
        let sets: Vec<_> = read
            .sets()
            .map(|set| set.map(|s| (s.id, s.content, s.offset)).unwrap())
            .collect();
        assert_eq!(sets, [(256, b"abc".as_slice(), 20), (257, b"".as_slice(), 27)]);
    }

    #[test]
    fn every_cut_is_told_with_its_octet() {
        let octets = message();
        for end in 0..octets.len() {
            assert!(Message::read(&octets[..end], 0).is_err());
        }
        let mut bad = octets.clone();
        bad[19] = 200;
        let problem = Message::read(&bad, 0).unwrap().sets().next().unwrap().unwrap_err();
        assert_eq!(problem.to_string(), "octet 18: set 256: length 200 with 11 octets left");
    }
}
