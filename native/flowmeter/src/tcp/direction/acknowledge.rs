//! What R says of S's segments: acknowledgements, SACKs and DSACKs.

use super::{Direction, FAST_DUPLICATE_ACKS, IMPLAUSIBLE};
use crate::packet::{flags, Tcp};
use crate::tcp::seq::{after, ahead, later};

impl Direction {
    /// R acknowledges octets of S. Whether it tells that it had received a segment which it did not acknowledge before S sent it
    /// again: then what it sent upon the first copy did not pass.
    #[inline]
    pub fn acknowledge(&mut self, tcp: &Tcp, now_ns: i64) -> bool {
        if tcp.has(flags::RST) || !tcp.has(flags::ACK) {
            return false;
        }
        let before = self.acknowledged;
        let same_window = self.receiver_window == Some(tcp.window);
        if !tcp.has(flags::SYN) {
            self.receiver_window = Some(tcp.window);
        }
        let Some(next) = self.next else {
            self.acknowledged = Some(self.acknowledged.map_or(tcp.ack, |edge| later(edge, tcp.ack)));
            return false;
        };
        if ahead(tcp.ack, next).abs() >= IMPLAUSIBLE {
            return false;
        }
        self.account_unseen(tcp.ack, next);
        match self.acknowledged {
            Some(edge) if !after(tcp.ack, edge) => {
                let pure = tcp.payload_octets == 0 && !tcp.has(flags::SYN | flags::FIN);
                if tcp.ack == edge && pure && same_window && after(next, edge) {
                    self.duplicate_acks = self.duplicate_acks.saturating_add(1);
                    if self.duplicate_acks == FAST_DUPLICATE_ACKS {
                        self.holes.prove_at(edge, now_ns);
                    }
                }
            }
            _ => {
                self.acknowledged = Some(tcp.ack);
                self.duplicate_acks = 0;
                self.progress_ns = now_ns;
                self.end_sample(tcp, now_ns);
            }
        }
        if tcp.sack_count == 0 {
            return false;
        }
        let needless = self.selectively_acknowledge(tcp, now_ns);
        matches!((needless, before), (Some(end), Some(edge)) if after(end, edge) && !after(end, tcp.ack))
    }

    /// What R acknowledged and P never saw was lost by the capture: above the highest, or in a hole.
    fn account_unseen(&mut self, ack: u32, next: u32) {
        if after(ack, next) {
            let octets = ack.wrapping_sub(next);
            // R may have taken the octet of a zero-window probe, which is not counted as sent.
            self.count().acked_unseen_octets += u64::from(octets - u32::from(self.probed));
            self.next = Some(ack);
            self.probed = false;
        }
        if !self.holes.is_empty() {
            let filled = self.holes.close(ack.wrapping_sub(IMPLAUSIBLE as u32), ack);
            self.count().acked_unseen_octets += u64::from(filled);
        }
    }

    fn end_sample(&mut self, tcp: &Tcp, now_ns: i64) {
        let Some(sample) = self.sample.filter(|sample| !after(sample.end, tcp.ack)) else {
            return;
        };
        self.sample = None;
        let echo = tcp.timestamps.map(|(_, echo)| echo);
        // An echo of a later value answers a later segment.
        let of_later = matches!((sample.tsval, echo), (Some(value), Some(echo)) if after(echo, value));
        if sample.end == tcp.ack && !of_later {
            let rtt = now_ns - sample.sent_ns;
            self.counts.data_rtt.add(rtt);
            self.recovery.sample(rtt);
            self.shortest_rtt_ns = Some(self.shortest_rtt_ns.map_or(rtt, |known| known.min(rtt)));
        }
    }

    /// Gives the end of a segment that R reports to have received twice.
    #[cold]
    fn selectively_acknowledge(&mut self, tcp: &Tcp, now_ns: i64) -> Option<u32> {
        let mut needless = None;
        for (at, &(left, right)) in tcp.sacks().iter().enumerate() {
            let next = self.next.unwrap_or(right);
            if !after(right, left) || ahead(right, next).abs() >= IMPLAUSIBLE {
                continue;
            }
            if at == 0 && is_duplicate_report(tcp) {
                needless = self.trouble.as_mut().and_then(|trouble| trouble.absolve(left, right));
                continue;
            }
            if !after(right, tcp.ack) {
                continue;
            }
            let unseen = self.holes.close(left, right);
            self.count().acked_unseen_octets += u64::from(unseen);
            if after(right, next) {
                if after(left, next) {
                    self.holes.open(next, left, now_ns);
                }
                self.count().acked_unseen_octets += u64::from(right.wrapping_sub(later(left, next)));
                self.next = Some(right);
            }
            self.holes.prove_below(left, now_ns);
            let trouble = self.trouble();
            trouble.reported = Some(trouble.reported.map_or(right, |edge| later(edge, right)));
        }
        needless
    }
}

/// RFC 2883: the first block tells of a duplicate when it lies below the acknowledgement or within the second block.
pub(super) fn is_duplicate_report(tcp: &Tcp) -> bool {
    match *tcp.sacks() {
        [(_, right), ..] if !after(right, tcp.ack) => true,
        [(left, right), (outer_left, outer_right), ..] => !after(outer_left, left) && !after(right, outer_right),
        _ => false,
    }
}
