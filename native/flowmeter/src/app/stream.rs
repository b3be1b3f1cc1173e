//! Segments of one TCP direction in the order of capture go in, their octets in the order of sequence come out.
//!
//! A few segments that came too early are kept until the ones before them are there; when there are too many, what is missing is
//! told as missing, and reading goes on behind it. Repeats are left out.

/// Segments kept at once.
const MAX_HELD: usize = 8;
/// Octets kept at once.
const MAX_HELD_OCTETS: usize = 32 << 10;
/// A gap beyond this is no gap but another connection.
const MAX_GAP: u32 = 1 << 24;

/// A part of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The next octets.
    Octets(&'a [u8]),
    /// So many octets that nobody captured.
    Missing(u32),
}

#[derive(Clone, Debug)]
struct Held {
    seq: u32,
    length: u32,
    octets: Vec<u8>,
}

/// One direction.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    next: Option<u32>,
    held: Vec<Held>,
}

/// One segment: `octets` are those captured of `length` octets.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sequence number of the first octet.
    pub seq: u32,
    /// Octets on the wire.
    pub length: u32,
    /// Octets captured.
    pub octets: &'a [u8],
}

impl Stream {
    /// The next segment; `first` is the sequence number of the direction's first octet when its SYN was seen. False when this is no
    /// stream that can be followed.
    pub fn segment(&mut self, segment: Segment<'_>, first: Option<u32>, take: &mut impl FnMut(Part<'_>)) -> bool {
        let next = *self.next.get_or_insert(first.unwrap_or(segment.seq));
        let ahead = segment.seq.wrapping_sub(next) as i32;
        if ahead.unsigned_abs() > MAX_GAP {
            return false;
        }
        if ahead > 0 {
            self.hold(segment);
            if self.held.len() <= MAX_HELD && self.held.iter().map(|held| held.octets.len()).sum::<usize>() <= MAX_HELD_OCTETS {
                return true;
            }
            self.skip_gap(take);
        } else {
            self.give(segment, take);
        }
        self.release(take);
        true
    }

    /// Octets from `next` on.
    fn give(&mut self, segment: Segment<'_>, take: &mut impl FnMut(Part<'_>)) {
        let next = self.next.unwrap_or(segment.seq);
        let known = next.wrapping_sub(segment.seq);
        if known >= segment.length {
            return;
        }
        let fresh = segment.octets.get(known as usize..).unwrap_or_default();
        if !fresh.is_empty() {
            take(Part::Octets(fresh));
        }
        let captured = segment.octets.len().max(known as usize) as u32;
        if captured < segment.length {
            take(Part::Missing(segment.length - captured));
        }
        self.next = Some(segment.seq.wrapping_add(segment.length));
    }

    fn hold(&mut self, segment: Segment<'_>) {
        if self
            .held
            .iter()
            .any(|held| held.seq == segment.seq && held.length >= segment.length)
        {
            return;
        }
        self.held.push(Held {
            seq: segment.seq,
            length: segment.length,
            octets: segment.octets.to_vec(),
        });
    }

    /// Index of the held segment that comes first.
    fn first_held(&self) -> Option<usize> {
        let next = self.next?;
        (0..self.held.len()).min_by_key(|&at| self.held[at].seq.wrapping_sub(next) as i32)
    }

    fn skip_gap(&mut self, take: &mut impl FnMut(Part<'_>)) {
        let (Some(next), Some(at)) = (self.next, self.first_held()) else {
            return;
        };
        let gap = self.held[at].seq.wrapping_sub(next);
        if gap as i32 > 0 {
            take(Part::Missing(gap));
            self.next = Some(self.held[at].seq);
        }
    }

    fn release(&mut self, take: &mut impl FnMut(Part<'_>)) {
        while let (Some(next), Some(at)) = (self.next, self.first_held()) {
            if self.held[at].seq.wrapping_sub(next) as i32 > 0 {
                return;
            }
            let held = self.held.swap_remove(at);
            let segment = Segment {
                seq: held.seq,
                length: held.length,
                octets: &held.octets,
            };
            self.give(segment, take);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(segments: &[(u32, &str)]) -> String {
        let (mut stream, mut text) = (Stream::default(), String::new());
        for &(seq, octets) in segments {
            let segment = Segment {
                seq,
                length: octets.len() as u32,
                octets: octets.as_bytes(),
            };
            stream.segment(segment, Some(u32::MAX - 1), &mut |part| {
                let shown = match part {
                    Part::Octets(octets) => String::from_utf8_lossy(octets).into_owned(),
                    Part::Missing(count) => format!("<{count}>"),
                };
                text.push_str(&shown);
            });
        }
        text
    }

    #[test]
    fn order_is_restored_and_repeats_are_left_out_across_the_wrap() {
        let first = u32::MAX - 1;
        assert_eq!(
            read(&[(first, "ab"), (first, "ab"), (2, "ef"), (0, "cd"), (1, "defg")]),
            "abcdefg"
        );
    }

    #[test]
    fn what_does_not_come_is_told_as_missing() {
        let many: Vec<(u32, &str)> = (0..9).map(|n| (10 + n, "x")).collect();
        assert_eq!(read(&many), "<12>xxxxxxxxx");
    }

    #[test]
    fn what_was_not_captured_of_a_segment_is_missing() {
        let mut parts = Vec::new();
        let segment = Segment {
            seq: 5,
            length: 10,
            octets: b"abc",
        };
        Stream::default().segment(segment, None, &mut |part| parts.push(format!("{part:?}")));
        assert_eq!(parts, ["Octets([97, 98, 99])", "Missing(7)"]);
    }
}
