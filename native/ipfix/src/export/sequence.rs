//! Sequence numbers, each protocol's own unit: v5 counts flows, v9 packets, IPFIX data records, `sFlow` datagrams of a sub-agent.

use std::collections::{BTreeMap, HashMap};

use super::session::SessionKey;
use super::Protocol;

/// Sessions watched at once; more are decoded all the same.
const MAX_SESSIONS: usize = 65_536;
/// A number this far behind is a late datagram; further behind, the exporter has begun anew.
const LATE: u32 = 1 << 16;

/// Lost units of a protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Jumps forward.
    pub gaps: u64,
    /// Units that the jumps leave out, in the protocol's own unit.
    pub lost: u64,
    /// Messages that came after later ones.
    pub late: u64,
    /// Counts that began anew.
    pub restarts: u64,
}

/// Expected numbers by session.
#[derive(Debug, Default)]
pub struct Sequences {
    expected: HashMap<SessionKey, Option<u32>>,
    totals: BTreeMap<Protocol, Gaps>,
}

impl Sequences {
    /// A message came with this number and holds `units` units, none when they could not be counted.
    pub fn saw(&mut self, key: &SessionKey, number: u32, units: Option<u32>) {
        let next = units.map(|units| number.wrapping_add(units));
        let Some(expected) = self.expected.get_mut(key) else {
            if self.expected.len() < MAX_SESSIONS {
                self.expected.insert(key.clone(), next);
            }
            return;
        };
        let ahead = expected.map_or(0, |expected| number.wrapping_sub(expected));
        let gaps = self.totals.entry(key.protocol).or_default();
        if ahead == 0 {
            *expected = next;
        } else if ahead < 1 << 31 {
            gaps.gaps += 1;
            gaps.lost += u64::from(ahead);
            *expected = next;
        } else if ahead.wrapping_neg() <= LATE {
            // It was counted as lost when the later one came.
            gaps.late += 1;
            gaps.lost = gaps.lost.saturating_sub(u64::from(units.unwrap_or(0)));
        } else {
            gaps.restarts += 1;
            *expected = next;
        }
    }

    /// Totals of the protocols in which something was not in sequence.
    pub fn totals(&self) -> BTreeMap<Protocol, Gaps> {
        self.totals
            .iter()
            .filter(|(_, gaps)| **gaps != Gaps::default())
            .map(|(&protocol, &gaps)| (protocol, gaps))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[(u32, Option<u32>)]) -> Gaps {
        let key = SessionKey {
            exporter: "e".into(),
            protocol: Protocol::Ipfix,
            domain: 0,
        };
        let mut sequences = Sequences::default();
        for &(number, units) in numbers {
            sequences.saw(&key, number, units);
        }
        sequences.totals().remove(&Protocol::Ipfix).unwrap_or_default()
    }

    #[test]
    fn what_is_left_out_is_lost_and_what_comes_late_is_not() {
        assert_eq!(after(&[(u32::MAX, Some(3)), (2, Some(1)), (3, Some(1))]), Gaps::default());
        let gap = after(&[(0, Some(10)), (15, Some(5))]);
        assert_eq!((gap.gaps, gap.lost), (1, 5));
        let late = after(&[(0, Some(10)), (15, Some(5)), (10, Some(5)), (20, Some(1))]);
        assert_eq!((late.gaps, late.lost, late.late), (1, 0, 1));
        assert_eq!(after(&[(1_000_000, Some(10)), (0, Some(5)), (5, Some(1))]).restarts, 1);
        assert_eq!(after(&[(0, None), (15, Some(5)), (20, None)]), Gaps::default());
    }
}
