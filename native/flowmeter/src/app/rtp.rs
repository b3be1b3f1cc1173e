//! RTP (RFC 3550): packets of one direction in, loss, jitter and the quality of a voice call (G.107) out.
//!
//! Nothing announces RTP on the wire, so a direction is believed to carry it once several packets follow one another as only RTP
//! does. The clock of a payload type without a fixed one is found by comparing its timestamps with the time of arrival.

use super::octets::Octets;

const HEADER: usize = 12;
/// Packets in a row that prove it (RFC 3550, A.1 asks for two, of ports that were announced).
const PROOF: u32 = 5;
/// Sequence numbers further ahead than this begin a new stream (RFC 3550, A.1).
const MAX_DROPOUT: u16 = 3_000;
/// How far behind a packet may come.
const MAX_DISORDER: u16 = 100;
/// Clocks of dynamic payload types.
const CLOCKS: [u32; 5] = [8_000, 16_000, 24_000, 48_000, 90_000];
const VIDEO_CLOCK: u32 = 90_000;
/// A clock is judged over this long at least.
const CLOCK_SPAN_NS: i64 = 200_000_000;

/// What a record says of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Packets received.
    pub packets: u64,
    /// Packets that should have been there and were not.
    pub lost: u64,
    /// Mean of the running estimate of RFC 3550, 6.4.1; none while the clock is not known.
    pub jitter_ns: Option<u64>,
    /// Mean opinion score; none for video.
    pub mos: Option<f64>,
}

impl Facts {
    /// Share of the packets expected that were lost.
    #[must_use]
    pub fn loss_ratio(&self) -> f64 {
        let expected = self.packets + self.lost;
        if expected == 0 {
            return 0.0;
        }
        self.lost as f64 / expected as f64
    }
}

/// The header's fields that matter.
#[derive(Clone, Copy, Debug)]
struct Header {
    kind: u8,
    sequence: u16,
    timestamp: u32,
    source: u32,
}

/// One direction of a flow.
#[derive(Clone, Debug, Default)]
pub struct Direction {
    last: Option<Header>,
    in_row: u32,
    proven: bool,
    /// Highest sequence number with its turns.
    highest: u64,
    /// The first number that this record expects.
    expected_from: u64,
    received: u64,
    clock: Option<u32>,
    began: (u32, i64),
    transit: Option<(u32, i64)>,
    jitter_ns: f64,
    jitter_sum_ns: f64,
    jitters: u64,
}

/// Whether this may be a packet of RTP.
#[must_use]
pub fn may_be(octets: &[u8]) -> bool {
    header(octets).is_some()
}

fn header(octets: &[u8]) -> Option<Header> {
    if octets.len() < HEADER {
        return None;
    }
    let mut rest = Octets::new(octets);
    let first = rest.u8()?;
    let kind = rest.u8()? & 0x7f;
    // Version 2; RTCP on the same port has the types 64 to 95 (RFC 5761).
    if first >> 6 != 2 || (64..96).contains(&kind) {
        return None;
    }
    Some(Header {
        kind,
        sequence: rest.u16()?,
        timestamp: rest.u32()?,
        source: rest.u32()?,
    })
}

impl Direction {
    /// A datagram; false when it is no RTP.
    pub fn datagram(&mut self, octets: &[u8], now_ns: i64) -> bool {
        let Some(header) = header(octets) else {
            return false;
        };
        let Some(last) = self.last.filter(|last| last.source == header.source) else {
            self.begin(header, now_ns);
            return true;
        };
        let ahead = header.sequence.wrapping_sub(last.sequence);
        if ahead == 0 {
            return true;
        }
        if (MAX_DROPOUT..=u16::MAX - MAX_DISORDER).contains(&ahead) {
            self.begin(header, now_ns);
            return true;
        }
        self.received += 1;
        if ahead < MAX_DROPOUT {
            self.highest += u64::from(ahead);
            self.in_row = if ahead == 1 && header.kind == last.kind {
                self.in_row + 1
            } else {
                1
            };
            self.proven |= self.in_row >= PROOF;
            if header.kind != last.kind {
                // Another codec, or a telephone event: its clock may be another.
                (self.clock, self.began, self.transit) = (fixed_clock(header.kind), (header.timestamp, now_ns), None);
            }
            self.last = Some(header);
        }
        self.judge_clock(header, now_ns);
        self.jitter(header, now_ns);
        true
    }

    fn begin(&mut self, header: Header, now_ns: i64) {
        // What was counted of a stream before goes on counting.
        let first = self.highest + 1;
        if self.last.is_none() {
            self.expected_from = first;
        }
        (self.highest, self.received, self.in_row) = (first, self.received + 1, 1);
        (self.clock, self.began) = (fixed_clock(header.kind), (header.timestamp, now_ns));
        (self.last, self.transit) = (Some(header), Some((header.timestamp, now_ns)));
    }

    /// Find the clock of a dynamic type: timestamps count as fast as time passes, whatever the jitter, when one waits long enough.
    fn judge_clock(&mut self, header: Header, now_ns: i64) {
        let span = now_ns - self.began.1;
        if self.clock.is_some() || span < CLOCK_SPAN_NS {
            return;
        }
        let ticks = header.timestamp.wrapping_sub(self.began.0);
        let rate = f64::from(ticks) * 1e9 / span as f64;
        let near = |clock: &u32| (rate / f64::from(*clock) - 1.0).abs() < 0.2;
        self.clock = CLOCKS.into_iter().find(near);
        if self.clock.is_none() {
            // Silence, or a clock that nobody uses: look again from here.
            self.began = (header.timestamp, now_ns);
        }
        self.transit = None;
    }

    /// RFC 3550, A.8, in nanoseconds.
    fn jitter(&mut self, header: Header, now_ns: i64) {
        let Some(clock) = self.clock else { return };
        if let Some((timestamp, arrival)) = self.transit.replace((header.timestamp, now_ns)) {
            let sent = f64::from(header.timestamp.wrapping_sub(timestamp) as i32) * 1e9 / f64::from(clock);
            let late = ((now_ns - arrival) as f64 - sent).abs();
            self.jitter_ns += (late - self.jitter_ns) / 16.0;
            self.jitter_sum_ns += self.jitter_ns;
            self.jitters += 1;
        }
    }

    /// What the record says; none before the direction has proven to carry RTP, or without packets.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        if !self.proven || self.received == 0 {
            return None;
        }
        let expected = (self.highest + 1).saturating_sub(self.expected_from);
        let lost = expected.saturating_sub(self.received);
        let jitter_ns = (self.jitters > 0).then(|| (self.jitter_sum_ns / self.jitters as f64) as u64);
        let mut facts = Facts {
            packets: self.received,
            lost,
            jitter_ns,
            mos: None,
        };
        let kind = self.last.map_or(0, |last| last.kind);
        if self.clock.is_some_and(|clock| clock != VIDEO_CLOCK) {
            facts.mos = Some(mos(kind, facts.loss_ratio(), jitter_ns.unwrap_or(0)));
        }
        Some(facts)
    }

    /// Whether it has proven to carry RTP.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.proven
    }

    /// A record was cut.
    pub fn cut(&mut self) {
        (self.expected_from, self.received) = (self.highest + 1, 0);
        (self.jitter_sum_ns, self.jitters) = (0.0, 0);
    }
}

/// Clocks of RFC 3551.
const fn fixed_clock(kind: u8) -> Option<u32> {
    match kind {
        0 | 2..=5 | 7..=9 | 12 | 13 | 15 | 18 => Some(8_000),
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        14 | 25 | 26 | 28 | 31..=34 => Some(VIDEO_CLOCK),
        16 => Some(11_025),
        17 => Some(22_050),
        _ => None,
    }
}

/// Impairment by the codec and its robustness against loss (G.113, appendix I); what is not listed counts as G.711 with concealment.
const fn codec(kind: u8) -> (f64, f64) {
    match kind {
        3 => (20.0, 10.0),  // GSM full rate
        4 => (15.0, 16.1),  // G.723.1
        18 => (11.0, 19.0), // G.729
        _ => (0.0, 25.1),
    }
}

/// G.107 with its default values, for random loss. The path's own delay is not seen from one point: what counts is the buffer that
/// evens the jitter out, twice the jitter, and 20 ms of packetisation.
fn mos(kind: u8, loss_ratio: f64, jitter_ns: u64) -> f64 {
    let delay_ms = 20.0 + 2.0 * jitter_ns as f64 / 1e6;
    let delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let (impairment, robustness) = codec(kind);
    let percent = loss_ratio * 100.0;
    let loss = impairment + (95.0 - impairment) * percent / (percent + robustness);
    let rating = 93.2 - delay - loss;
    if rating <= 0.0 {
        return 1.0;
    }
    let rating = rating.min(100.0);
    1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, sequence: u16, timestamp: u32) -> Vec<u8> {
        let mut octets = vec![0x80, kind];
        octets.extend_from_slice(&sequence.to_be_bytes());
        octets.extend_from_slice(&timestamp.to_be_bytes());
        octets.extend_from_slice(&[1, 2, 3, 4]);
        octets.extend_from_slice(&[0; 160]);
        octets
    }

    /// Every 20 ms a packet, each late by `late_ns(n)`.
    fn stream(kind: u8, ticks: u32, left_out: &[u16], late_ns: impl Fn(u16) -> i64) -> Direction {
        let mut direction = Direction::default();
        for n in (0..200u16).filter(|n| !left_out.contains(n)) {
            let sequence = 65_500u16.wrapping_add(n);
            let timestamp = u32::from(n).wrapping_mul(ticks).wrapping_sub(700);
            direction.datagram(&packet(kind, sequence, timestamp), i64::from(n) * 20_000_000 + late_ns(n));
        }
        direction
    }

    #[test]
    fn loss_is_what_the_sequence_numbers_leave_out_across_their_wrap() {
        let facts = stream(0, 160, &[10, 50, 51, 52], |_| 0).facts().unwrap();
        assert_eq!((facts.packets, facts.lost, facts.jitter_ns), (196, 4, Some(0)));
        assert!((facts.loss_ratio() - 0.02).abs() < 1e-9);
        assert!(facts.mos.unwrap() > 4.0);
    }

    #[test]
    fn jitter_nears_the_mean_difference_of_transit_times() {
        let even = |n: u16| if n % 2 == 0 { 0 } else { 4_000_000 };
        let direction = stream(8, 160, &[], even);
        assert!((direction.jitter_ns - 4e6).abs() < 1e5);
        assert!(direction.facts().unwrap().mos.unwrap() < stream(8, 160, &[], |_| 0).facts().unwrap().mos.unwrap());
    }

    #[test]
    fn the_clock_of_a_dynamic_type_is_found_and_video_has_no_opinion_score() {
        assert_eq!(stream(111, 960, &[], |n| i64::from(n % 3) * 1_000_000).clock, Some(48_000));
        let video = stream(96, 1_800, &[], |_| 0);
        assert_eq!((video.clock, video.facts().unwrap().mos), (Some(90_000), None));
    }

    #[test]
    fn a_cut_counts_from_the_next_packet_on() {
        let mut direction = stream(0, 160, &[], |_| 0);
        direction.cut();
        assert_eq!(direction.facts(), None);
        direction.datagram(&packet(0, 65_500u16.wrapping_add(202), 0), 4_040_000_000);
        assert_eq!(direction.facts().map(|facts| (facts.packets, facts.lost)), Some((1, 2)));
    }

    #[test]
    fn datagrams_that_do_not_follow_one_another_prove_nothing() {
        let mut direction = Direction::default();
        for n in 0..100u16 {
            direction.datagram(&packet(0, n.wrapping_mul(7919), 0), 0);
        }
        assert!(!direction.is_proven());
    }
}
