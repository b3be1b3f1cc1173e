//! Sequence numbers: arithmetic modulo 2³² (RFC 9293, 3.4), and the intervals that a direction left out.

/// How far `a` lies after `b`; negative when before.
#[must_use]
pub const fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// Whether `a` comes after `b`.
#[must_use]
pub const fn after(a: u32, b: u32) -> bool {
    ahead(a, b) > 0
}

/// The later of two.
#[must_use]
pub const fn later(a: u32, b: u32) -> u32 {
    if after(a, b) {
        a
    } else {
        b
    }
}

/// The earlier of two.
#[must_use]
pub const fn earlier(a: u32, b: u32) -> u32 {
    if after(a, b) {
        b
    } else {
        a
    }
}

/// More holes than this at once is not recovery but capture loss; the lowest is forgotten then.
pub const MAX_HOLES: usize = 8;

/// Octets below the highest that did not pass (yet).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hole {
    /// First missing octet.
    pub start: u32,
    /// The octet after the last missing one.
    pub end: u32,
    /// When a later segment showed the hole.
    pub created_ns: i64,
    /// When a SACK above it or a third duplicate ACK at it passed.
    pub proof_ns: Option<i64>,
}

/// The holes of one direction, lowest first.
#[derive(Clone, Debug, Default)]
pub struct Holes {
    // Most flows never have a hole: the list is allocated with the first one and kept.
    list: Vec<Hole>,
}

impl Holes {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forget all.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Octets `start..end` did not pass; they lie above every hole so far.
    pub fn open(&mut self, start: u32, end: u32, now_ns: i64) {
        if self.list.len() == MAX_HOLES {
            self.list.remove(0);
        }
        self.list.push(Hole {
            start,
            end,
            created_ns: now_ns,
            proof_ns: None,
        });
    }

    /// The lowest hole that shares octets with `start..end`.
    #[must_use]
    pub fn overlapping(&self, start: u32, end: u32) -> Option<Hole> {
        let shares = |hole: &&Hole| after(end, hole.start) && after(hole.end, start);
        self.list.iter().find(shares).copied()
    }

    /// Octets `start..end` passed or were acknowledged: gives how many of them were missing.
    pub fn close(&mut self, start: u32, end: u32) -> u32 {
        let mut filled = 0;
        let mut at = 0;
        while let Some(hole) = self.list.get(at).copied() {
            let (from, to) = (later(start, hole.start), earlier(end, hole.end));
            if !after(to, from) {
                at += 1;
                continue;
            }
            filled += to.wrapping_sub(from);
            let (left, right) = (Hole { end: from, ..hole }, Hole { start: to, ..hole });
            match (after(left.end, left.start), after(right.end, right.start)) {
                (false, false) => {
                    self.list.remove(at);
                    continue;
                }
                (true, false) => self.list[at] = left,
                (false, true) => self.list[at] = right,
                (true, true) => {
                    self.list[at] = left;
                    if self.list.len() < MAX_HOLES {
                        self.list.insert(at + 1, right);
                        at += 1;
                    }
                }
            }
            at += 1;
        }
        filled
    }

    /// Something above `edge` reached the receiver: holes wholly below it are proven.
    pub fn prove_below(&mut self, edge: u32, now_ns: i64) {
        for hole in self.list.iter_mut().filter(|hole| !after(hole.end, edge)) {
            hole.proof_ns.get_or_insert(now_ns);
        }
    }

    /// The receiver asked for `start` again and again.
    pub fn prove_at(&mut self, start: u32, now_ns: i64) {
        for hole in self.list.iter_mut().filter(|hole| hole.start == start) {
            hole.proof_ns.get_or_insert(now_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        assert!(after(5, u32::MAX - 5) && !after(u32::MAX - 5, 5));
        assert_eq!((later(3, u32::MAX), earlier(3, u32::MAX)), (3, u32::MAX));
    }

    #[test]
    fn a_hole_closes_from_any_side_and_splits_in_the_middle() {
        let mut holes = Holes::default();
        holes.open(u32::MAX - 9, 90, 1);
        assert_eq!(holes.close(u32::MAX - 9, 0), 10);
        assert_eq!(holes.close(40, 50), 10);
        assert_eq!(holes.close(80, 200), 10);
        let left = holes.overlapping(0, 1).map(|hole| (hole.start, hole.end));
        let right = holes.overlapping(60, 61).map(|hole| (hole.start, hole.end));
        assert_eq!((left, right), (Some((0, 40)), Some((50, 80))));
        assert_eq!(holes.close(0, 100), 70);
        assert!(holes.is_empty());
    }

    #[test]
    fn a_sack_above_proves_only_what_lies_below_it() {
        let mut holes = Holes::default();
        holes.open(10, 20, 1);
        holes.open(30, 40, 2);
        holes.prove_below(25, 7);
        assert_eq!(holes.overlapping(10, 11).and_then(|hole| hole.proof_ns), Some(7));
        assert_eq!(holes.overlapping(30, 31).and_then(|hole| hole.proof_ns), None);
    }
}
