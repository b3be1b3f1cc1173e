//! What made a sender send a segment again: a report of its receiver, or a silence.
//!
//! Round trips go in, the answer comes out. The observation point stands somewhere on the path, so the sender's timeout is
//! estimated from the part of the path behind it and the shortest round trip of the part before it.

use crate::tcp::seq::after;

/// Linux' smallest retransmission timeout: what comes sooner was not sent by timeout.
pub const MIN_RTO_NS: i64 = 200_000_000;

/// Round-trip times around P, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// P to the sender of the segments and back.
    pub sender_ns: Option<i64>,
    /// P to their receiver and back.
    pub receiver_ns: Option<i64>,
}

impl Around {
    /// Both together, as far as they are known.
    #[must_use]
    pub fn path_ns(self) -> i64 {
        self.sender_ns.unwrap_or(0) + self.receiver_ns.unwrap_or(0)
    }
}

/// Why a segment was sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// R had reported later segments: a SACK above it, or three duplicate ACKs.
    Fast,
    /// Nothing had come back for as long as a retransmission timeout.
    Timeout,
    /// Neither: a probe of the tail, or what shows it did not pass here.
    #[default]
    Unknown,
}

/// What is known when a segment comes again.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// First octet of the segment.
    pub start: u32,
    /// The octet after the highest sent so far.
    pub next: u32,
    /// Since the last acknowledgement of anything new, or since the data after it was sent.
    pub silence_ns: i64,
    /// R reported what lies above the segment.
    pub reported: bool,
    /// Shortest round trip from here to S.
    pub sender_ns: i64,
    /// Shortest round trip of the whole path, as far as it is known.
    pub path_ns: i64,
}

/// Round-trip estimate (RFC 6298) and the recovery under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    smoothed_ns: i64,
    variation_ns: i64,
    until: Option<(u32, Trigger)>,
}

impl Recovery {
    /// A round trip from here to R.
    pub fn sample(&mut self, rtt_ns: i64) {
        if self.smoothed_ns == 0 {
            (self.smoothed_ns, self.variation_ns) = (rtt_ns, rtt_ns / 2);
            return;
        }
        let error = rtt_ns - self.smoothed_ns;
        self.variation_ns += (error.abs() - self.variation_ns) / 4;
        self.smoothed_ns += error / 8;
    }

    /// The sender's retransmission timeout, at least: smoothed round trip and four times its variation; before the first sample
    /// three times what the handshake took, as RFC 6298 begins.
    #[must_use]
    pub fn timeout_ns(&self, sender_ns: i64, path_ns: i64) -> i64 {
        let estimate = match self.smoothed_ns {
            0 => 3 * path_ns,
            smoothed => sender_ns + smoothed + 4 * self.variation_ns,
        };
        estimate.max(MIN_RTO_NS)
    }

    /// What made S send this segment again. What follows within one recovery has the trigger of its first.
    pub fn trigger(&mut self, signs: &Signs) -> Trigger {
        let under_way = self.until.filter(|&(until, _)| after(until, signs.start));
        let trigger = if signs.silence_ns >= self.timeout_ns(signs.sender_ns, signs.path_ns) {
            Trigger::Timeout
        } else if let Some((_, trigger)) = under_way {
            return trigger;
        } else if signs.reported {
            Trigger::Fast
        } else {
            return Trigger::Unknown;
        };
        self.until = Some((signs.next, trigger));
        trigger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn signs(start: u32, silence_ms: i64, reported: bool) -> Signs {
        Signs {
            start,
            next: 10_000,
            silence_ns: silence_ms * MS,
            reported,
            sender_ns: 5 * MS,
            path_ns: 30 * MS,
        }
    }

    #[test]
    fn the_estimate_settles_at_the_round_trip() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.timeout_ns(0, 100 * MS), 300 * MS);
        (0..100).for_each(|_| recovery.sample(300 * MS));
        // Peers that weigh 0.875 old and 0.25 new settle at twice that.
        let settled = recovery.timeout_ns(0, 0);
        assert!((299 * MS..302 * MS).contains(&settled), "{settled}");
    }

    #[test]
    fn a_recovery_has_one_trigger_until_it_is_through() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.trigger(&signs(100, 40, false)), Trigger::Unknown);
        assert_eq!(recovery.trigger(&signs(100, 40, true)), Trigger::Fast);
        assert_eq!(recovery.trigger(&signs(200, 1, false)), Trigger::Fast);
        assert_eq!(recovery.trigger(&signs(100, 250, true)), Trigger::Timeout);
        assert_eq!(recovery.trigger(&signs(200, 1, true)), Trigger::Timeout);
        assert_eq!(recovery.trigger(&signs(10_000, 1, true)), Trigger::Fast);
    }
}
