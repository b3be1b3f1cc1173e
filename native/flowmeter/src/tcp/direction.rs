//! One direction S → R of a TCP connection as the observation point P sees it: which segments were lost, and on which side of P.
//!
//! Segments of S and acknowledgements of R go in with their time; counts come out. The rules, and what one point cannot see, are
//! on the page `docs/explanation/metering.md`. Mirror copies never come here.

mod acknowledge;

use acknowledge::is_duplicate_report;

use crate::packet::{flags, Tcp};
use crate::tcp::absence::{silence_of_timeout, Due, Identification};
use crate::tcp::counts::{Classes, Counts};
use crate::tcp::losses::{Class, Loss, Losses};
use crate::tcp::recovery::{Around, Recovery, Signs, Trigger, MIN_RTO_NS};
use crate::tcp::seq::{after, ahead, earlier, Hole, Holes};
use crate::tcp::trouble::{Remembered, Trouble};
use crate::tcp::Carriage;

/// A segment that fills a hole sooner than this is late, not lost, however short the path (as in Wireshark).
const REORDERING_NS: i64 = 3_000_000;
/// Round trips over a few hosts' software differ by this much from one to the next: caches, interrupts.
const HOST_NOISE_NS: i64 = 20_000;
/// A number further away than this belongs to another connection, or is garbage.
const IMPLAUSIBLE: i32 = 1 << 30;
/// Duplicate ACKs that prove a loss (RFC 5681).
const FAST_DUPLICATE_ACKS: u8 = 3;

/// Whether a segment brought data that had not passed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// No payload, or one of the probes.
    None,
    /// Payload that had not passed.
    New,
    /// Payload that had passed before.
    Old,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    end: u32,
    sent_ns: i64,
    tsval: Option<u32>,
}

/// A segment that is sent again because it was lost.
#[derive(Clone, Copy, Debug)]
struct Lost {
    start: u32,
    pieces: u32,
    /// When it was sent or missed first.
    first_ns: i64,
    /// R reported what lies above it.
    reported: bool,
}

/// State and counts of one direction.
#[derive(Clone, Debug, Default)]
pub struct Direction {
    /// Since the last cut.
    pub counts: Counts,
    next: Option<u32>,
    holes: Holes,
    acknowledged: Option<u32>,
    receiver_window: Option<u16>,
    receiver_shift: Option<u8>,
    duplicate_acks: u8,
    probed: bool,
    gap_unknown: bool,
    sample: Option<Sample>,
    shortest_rtt_ns: Option<i64>,
    recovery: Recovery,
    progress_ns: i64,
    missing_ns: Option<i64>,
    identification: Identification,
    closed_since_ns: Option<i64>,
    // Most flows have none: it is allocated with the first one and kept.
    trouble: Option<Box<Trouble>>,
}

impl Direction {
    /// Shortest time from S's segments to R's acknowledgement: the path's own, without the acknowledgements that R delayed.
    #[must_use]
    pub const fn rtt_ns(&self) -> Option<i64> {
        self.shortest_rtt_ns
    }

    /// What segments since the last cut were judged to be.
    #[must_use]
    pub fn classes(&self) -> &Classes {
        self.trouble.as_ref().map_or(&Classes::NONE, |trouble| &trouble.classes)
    }

    /// To count what a segment was judged to be.
    pub fn count(&mut self) -> &mut Classes {
        &mut self.trouble().classes
    }

    /// Segments sent again since the last cut, one by one; none when there was none.
    #[must_use]
    pub fn losses(&self) -> Option<&Losses> {
        let losses = self.trouble.as_ref().map(|trouble| &trouble.losses);
        losses.filter(|losses| !losses.list().is_empty())
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    /// Another connection begins: keep the counts, forget what they were drawn from.
    pub fn restart(&mut self, now_ns: i64) {
        self.settle_window(now_ns);
        *self = Self {
            counts: std::mem::take(&mut self.counts),
            trouble: self.trouble.take().map(|mut trouble| {
                trouble.restart();
                trouble
            }),
            ..Self::default()
        };
    }

    /// A record was cut at `now_ns`: counts begin anew, state goes on.
    pub fn cut(&mut self, now_ns: i64) {
        self.counts.clear();
        if let Some(trouble) = &mut self.trouble {
            trouble.cut();
        }
        if self.closed_since_ns.is_some() {
            self.closed_since_ns = Some(now_ns);
        }
    }

    /// Add the time for which the window has been closed up to now.
    #[inline]
    pub fn settle_window(&mut self, now_ns: i64) {
        if let Some(since) = self.closed_since_ns {
            self.count().zero_window_ns += (now_ns - since).max(0) as u64;
            self.closed_since_ns = Some(now_ns.max(since));
        }
    }

    /// The next segment's distance is unknown: S sent a segment in IP fragments, whose length only the last one tells.
    pub fn lose_track(&mut self) {
        self.gap_unknown = true;
    }

    /// R's windows are larger than they say by so many bits: both SYNs passed.
    pub fn scale_receiver(&mut self, shift: u8) {
        self.receiver_shift = Some(shift);
    }

    /// Whether it can be told that R's window is full.
    #[must_use]
    pub const fn knows_window(&self) -> bool {
        self.receiver_shift.is_some()
    }

    /// Since when R owes what it acknowledges by this segment; none when that is nothing new, or not long ago.
    #[must_use]
    pub fn due(&self, reply: &Tcp, now_ns: i64) -> Option<Due> {
        if now_ns - self.progress_ns < MIN_RTO_NS {
            return None;
        }
        let (edge, next) = (self.acknowledged?, self.next?);
        let acknowledges = reply.has(flags::ACK) && after(reply.ack, edge) && !after(reply.ack, next);
        acknowledges.then_some(Due {
            since_ns: self.progress_ns,
            // A reply that tells of the second copy tells that the first one had arrived.
            repeated_ns: self
                .trouble
                .as_ref()
                .and_then(|trouble| trouble.repeated_ns)
                .filter(|_| !is_duplicate_report(reply)),
        })
    }

    /// S advertises its own receive window.
    #[inline]
    pub fn advertise(&mut self, tcp: &Tcp, now_ns: i64) {
        if tcp.has(flags::SYN | flags::RST) {
            return;
        }
        if tcp.window == 0 {
            self.closed_since_ns.get_or_insert(now_ns);
        } else if self.closed_since_ns.is_some() {
            self.settle_window(now_ns);
            self.closed_since_ns = None;
        }
    }

    /// A segment of S passes; `overdue` when it should have come long ago (`Due`).
    #[inline]
    pub fn segment(&mut self, tcp: &Tcp, now_ns: i64, carriage: Carriage, overdue: bool, around: Around) -> Content {
        let path_ns = around.path_ns();
        let lost_before = carriage.ip_id.map_or(0, |id| {
            self.identification
                .observe(id, carriage.pieces, now_ns, silence_of_timeout(path_ns))
        });
        if tcp.has(flags::RST) {
            return Content::None;
        }
        let control = u32::from(tcp.has(flags::SYN)) + u32::from(tcp.has(flags::FIN));
        let length = tcp.payload_octets.wrapping_add(control);
        let end = tcp.seq.wrapping_add(length);
        self.counts.segments += if length > 0 { u64::from(carriage.pieces) } else { 0 };
        let content = if tcp.payload_octets > 0 { Content::New } else { Content::None };
        let next = match self.next {
            Some(next) if ahead(tcp.seq, next).abs() < IMPLAUSIBLE => next,
            _ => {
                self.begin(tcp, end, now_ns);
                return content;
            }
        };
        if control == 0 && tcp.payload_octets <= 1 && self.is_probe(tcp, next) {
            return Content::None;
        }
        let missing = match self.missing_ns {
            Some(_) if length > 0 => self.missing_ns.take(),
            _ => None,
        };
        if ahead(tcp.seq, next) < 0 {
            return if length > 0 {
                self.late(tcp, end, now_ns, carriage.pieces, around)
            } else {
                Content::None
            };
        }
        let idle = self.acknowledged.is_none_or(|edge| !after(next, edge));
        if tcp.seq != next && !self.gap_unknown {
            self.holes.open(next, tcp.seq, now_ns);
        } else if tcp.seq == next && tcp.payload_octets > 0 {
            let expected = missing.is_some_and(|at| now_ns - at <= silence_of_timeout(path_ns));
            let missing = lost_before.max(u64::from(idle && (overdue || expected)));
            if missing > 0 {
                self.infer(missing, tcp.seq, length, now_ns);
            }
        }
        self.gap_unknown = false;
        self.next = Some(end);
        if length > 0 {
            if idle {
                self.progress_ns = now_ns;
            }
            self.fill_window(end);
        }
        self.begin_sample(tcp, end, now_ns);
        content
    }

    /// Something of S that must have been sent did not pass; it may come again.
    pub fn miss(&mut self, now_ns: i64) {
        self.missing_ns = Some(now_ns);
    }

    #[cold]
    fn infer(&mut self, missing: u64, sequence: u32, length: u32, at_ns: i64) {
        self.count().loss_upstream_inferred += missing;
        self.trouble().losses.add(Loss {
            sequence,
            length,
            at_ns,
            class: Class::Inferred,
        });
    }

    /// New data up to `end`: whether R has room for no more than that.
    fn fill_window(&mut self, end: u32) {
        if let (Some(shift), Some(window), Some(edge)) = (self.receiver_shift, self.receiver_window, self.acknowledged) {
            let full = window > 0 && i64::from(ahead(end, edge)) >= i64::from(window) << shift;
            if full {
                self.count().window_full += 1;
            }
        }
    }

    fn begin(&mut self, tcp: &Tcp, end: u32, now_ns: i64) {
        self.next = Some(end);
        self.progress_ns = now_ns;
        self.holes.clear();
        self.sample = None;
        self.begin_sample(tcp, end, now_ns);
    }

    fn begin_sample(&mut self, tcp: &Tcp, end: u32, now_ns: i64) {
        if tcp.payload_octets > 0 && self.sample.is_none() && self.holes.is_empty() {
            self.sample = Some(Sample {
                end,
                sent_ns: now_ns,
                tsval: tcp.timestamps.map(|(value, _)| value),
            });
        }
    }

    /// Zero-window probe, then keep-alive: at most one octet around what R acknowledged, with nothing outstanding.
    fn is_probe(&mut self, tcp: &Tcp, next: u32) -> bool {
        if self.acknowledged != Some(next) {
            return false;
        }
        let before = tcp.seq == next.wrapping_sub(1);
        if self.receiver_window == Some(0) && (before || (tcp.seq == next && tcp.payload_octets == 1)) {
            self.count().zero_window_probes += 1;
            self.probed |= !before;
            return true;
        }
        if before {
            self.count().keepalives += 1;
        }
        before
    }

    /// A segment that starts below the highest octet seen.
    #[cold]
    fn late(&mut self, tcp: &Tcp, end: u32, now_ns: i64, pieces: u32, around: Around) -> Content {
        let next = self.next.unwrap_or(end);
        let known_end = earlier(end, next);
        // Karn: an acknowledgement could now be of either transmission.
        let sample = self.sample.take();
        let mut content = Content::Old;
        let mut class = None;
        if self.acknowledged.is_some_and(|edge| !after(end, edge)) {
            self.count().spurious += u64::from(pieces);
            class = Some(Class::Spurious);
        } else if let Some(hole) = self.holes.overlapping(tcp.seq, known_end) {
            let proven = match (hole.proof_ns, around.sender_ns) {
                // The proof must have had the time to reach S and bring the retransmission here.
                (Some(proof), Some(rtt)) => now_ns - proof >= rtt - HOST_NOISE_NS,
                _ => false,
            };
            let young = now_ns - hole.created_ns < around.path_ns().max(REORDERING_NS);
            if young && !proven {
                self.count().reordered += u64::from(pieces);
            } else {
                self.count().loss_upstream += u64::from(pieces);
                let lost = Lost {
                    start: tcp.seq,
                    pieces,
                    first_ns: hole.created_ns,
                    reported: hole.proof_ns.is_some(),
                };
                let trigger = self.blame(&lost, now_ns, around);
                self.infer_again(trigger, hole, now_ns, around);
                class = Some(Class::Upstream);
            }
            self.holes.close(tcp.seq, known_end);
            content = Content::New;
        } else {
            self.count().loss_downstream += u64::from(pieces);
            let of_segment = sample.filter(|sample| after(sample.end, tcp.seq) && !after(sample.end, end));
            let first_ns = of_segment.map_or(self.progress_ns, |sample| sample.sent_ns);
            let reported =
                self.duplicate_acks >= FAST_DUPLICATE_ACKS || self.trouble().reported.is_some_and(|edge| after(edge, end));
            let lost = Lost {
                start: tcp.seq,
                pieces,
                first_ns,
                reported,
            };
            let trigger = self.blame(&lost, now_ns, around);
            self.trouble().remember(Remembered {
                start: tcp.seq,
                end,
                pieces,
                trigger,
            });
            class = Some(Class::Downstream);
        }
        if let Some(class) = class {
            self.trouble().repeated_ns = Some(now_ns);
            self.trouble().losses.add(Loss {
                sequence: tcp.seq,
                length: end.wrapping_sub(tcp.seq),
                at_ns: now_ns,
                class,
            });
        }
        if after(end, next) {
            self.next = Some(end);
            content = Content::New;
        }
        if tcp.payload_octets > 0 {
            content
        } else {
            Content::None
        }
    }

    /// A hole that R reported and that was filled by a timeout after all: what S sent upon the report was lost as well.
    fn infer_again(&mut self, trigger: Trigger, hole: Hole, now_ns: i64, around: Around) {
        let timeout_ns = self.recovery.timeout_ns(around.sender_ns.unwrap_or(0), around.path_ns());
        let in_vain = trigger == Trigger::Timeout && hole.proof_ns.is_some_and(|proof| now_ns - proof >= timeout_ns);
        if in_vain {
            self.count().loss_upstream_inferred += 1;
        }
    }

    /// Count what made S send a lost segment again, and how long after it was sent or missed first.
    fn blame(&mut self, lost: &Lost, now_ns: i64, around: Around) -> Trigger {
        let trigger = self.recovery.trigger(&Signs {
            start: lost.start,
            next: self.next.unwrap_or(lost.start),
            silence_ns: now_ns - self.progress_ns,
            reported: lost.reported,
            sender_ns: around.sender_ns.unwrap_or(0),
            path_ns: around.path_ns(),
        });
        let (pieces, classes) = (u64::from(lost.pieces), self.count());
        match trigger {
            Trigger::Fast => classes.retransmissions_fast += pieces,
            Trigger::Timeout => classes.retransmissions_timeout += pieces,
            Trigger::Unknown => {}
        }
        classes.retransmission_delay_ns += (now_ns - lost.first_ns).max(0) as u64;
        trigger
    }
}
