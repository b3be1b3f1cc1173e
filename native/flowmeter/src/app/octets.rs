//! Reading octets that strangers sent: every step says whether there was enough.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    /// From the first octet on.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// What is left.
    #[must_use]
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` octets.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number<const N: usize>(&mut self) -> Option<u64> {
        let taken = self.take(N)?;
        Some(taken.iter().fold(0, |number, &octet| number << 8 | u64::from(octet)))
    }

    /// One octet.
    pub fn u8(&mut self) -> Option<u8> {
        self.number::<1>().map(|number| number as u8)
    }

    /// Two octets, network order.
    pub fn u16(&mut self) -> Option<u16> {
        self.number::<2>().map(|number| number as u16)
    }

    /// Four octets, network order.
    pub fn u32(&mut self) -> Option<u32> {
        self.number::<4>().map(|number| number as u32)
    }

    /// A block whose length stands before it in one octet.
    pub fn block8(&mut self) -> Option<Self> {
        let count = self.u8()?;
        self.take(usize::from(count)).map(Self)
    }

    /// A block whose length stands before it in two octets.
    pub fn block16(&mut self) -> Option<Self> {
        let count = self.u16()?;
        self.take(usize::from(count)).map(Self)
    }

    /// A block whose length stands before it in three octets.
    pub fn block24(&mut self) -> Option<Self> {
        let count = self.number::<3>()?;
        self.take(count as usize).map(Self)
    }

    /// A number of 1, 2, 4 or 8 octets whose first two bits tell which (RFC 9000, 16).
    pub fn varint(&mut self) -> Option<u64> {
        let first = *self.0.first()?;
        let taken = self.take(1 << (first >> 6))?;
        let number = taken[1..]
            .iter()
            .fold(u64::from(first & 0x3f), |number, &octet| number << 8 | u64::from(octet));
        Some(number)
    }

    /// Whole two-octet numbers up to the end; an odd last octet is left out.
    pub fn u16s(self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }
}

/// A name as text: printable ASCII as it is, everything else, quotes and backslashes as `\DDD` (RFC 4343); cut at `max` octets.
#[must_use]
pub fn printable(octets: &[u8], max: usize) -> String {
    let mut text = String::new();
    put_printable(&mut text, &octets[..octets.len().min(max)]);
    text
}

/// The same behind a text.
pub fn put_printable(text: &mut String, octets: &[u8]) {
    use std::fmt::Write as _;
    for &octet in octets {
        match octet {
            b'"' | b'\\' => {
                let _ = write!(text, "\\{octet:03}"); // writing into memory does not fail
            }
            0x21..=0x7e => text.push(octet as char),
            _ => {
                let _ = write!(text, "\\{octet:03}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_longer_than_the_rest_is_none_and_takes_nothing() {
        let mut octets = Octets::new(&[1, 2, 3]);
        assert_eq!(octets.u32(), None);
        assert_eq!(octets.u16(), Some(0x0102));
        assert_eq!(octets.block8().map(Octets::rest), None);
        assert!(octets.is_empty());
    }

    #[test]
    fn varints_are_those_of_the_rfc() {
        for (octets, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ] {
            assert_eq!(Octets::new(octets).varint(), Some(value));
        }
    }

    #[test]
    fn what_cannot_be_printed_is_told_by_number() {
        assert_eq!(printable(b"a.\"b\x00\xff", 64), "a.\\034b\\000\\255");
        assert_eq!(printable(b"abcdef", 3), "abc");
    }
}
