//! Segments that were lost before the observation point and left no hole: all that came after them came after their retransmission.
//!
//! What S and R do goes in, the number of segments that are probably missing comes out. Three things tell of them: packets missing
//! by the IP identification of a host that counts its packets by connection; a reply that comes a retransmission timeout after the
//! request without any acknowledgement in between, which a server that is merely slow would have sent; and a reply after a DSACK
//! for a request that nobody had acknowledged (`Direction::acknowledge`).

use crate::tcp::recovery::MIN_RTO_NS;

/// Successive IP identifications that show a host which counts them by connection.
const COUNTING_RUN: u8 = 4;
/// More packets than this cannot have been lost within one silence.
const MAX_INFERRED: u16 = 6;

/// Follows the IP identifications of one sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identification {
    last: u16,
    run: u8,
    last_ns: Option<i64>,
}

impl Identification {
    /// The next packet; gives how many are missing before it when they were probably one segment sent again and again: the host
    /// counts by connection, and the silence was as long as a retransmission timeout. A super-segment takes as many as it has pieces.
    pub fn observe(&mut self, id: u16, pieces: u32, now_ns: i64, timeout_ns: i64) -> u64 {
        let before = *self;
        let step = id.wrapping_sub(before.last);
        let silence = before.last_ns.map_or(0, |last| now_ns - last);
        let missing = before.run >= COUNTING_RUN && silence >= timeout_ns && (2..=MAX_INFERRED + 1).contains(&step);
        let run = match step {
            1 => before.run.saturating_add(1),
            _ if missing => before.run,
            _ => 0,
        };
        *self = Self {
            last: id.wrapping_add(pieces as u16).wrapping_sub(1),
            run,
            last_ns: Some(now_ns),
        };
        if missing {
            u64::from(step - 1)
        } else {
            0
        }
    }
}

/// A timeout of which only the shortest round trips are known.
#[must_use]
pub fn silence_of_timeout(path_ns: i64) -> i64 {
    MIN_RTO_NS.max(2 * path_ns)
}

/// What the other side has waited for, when a segment of S comes.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Since when data of R has been waiting for an acknowledgement of S.
    pub since_ns: i64,
    /// When R last sent some of it again.
    pub repeated_ns: Option<i64>,
}

impl Due {
    /// Whether a segment that comes now was sent before, and lost on its way here: no stack holds an acknowledgement back for as
    /// long as a retransmission timeout. What may answer R's own retransmission shows nothing.
    #[must_use]
    pub fn was_lost_before(&self, now_ns: i64, sender_ns: i64, path_ns: i64) -> bool {
        let repeated = self.repeated_ns.filter(|&at| at >= self.since_ns);
        now_ns - self.since_ns >= silence_of_timeout(path_ns) + sender_ns && repeated.is_none_or(|at| now_ns - at < sender_ns)
    }
}
