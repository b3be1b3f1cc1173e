//! One observation point live: frames of a capture go in, finished intervals of flow records come out.
//!
//! Intervals are multiples of their length in UTC. One is finished by a packet of a later one, or by the wall clock when nothing has
//! arrived for a moment after its end. Time is an argument; the loop around it belongs to the caller.

use crate::meter::{Meter, MeterCounts, MeterOptions};
use crate::output::ipfix::Messages;
use crate::packet::Frame;

/// The kernel gives a block 10 ms after its first packet, on its own tick; what passed before the end of an interval is here by then.
pub const SETTLE_NS: i64 = 100_000_000;
/// Packets of several receive queues come this much out of order at most; further back, the clock was set.
const DISORDER_NS: i64 = 1_000_000_000;
/// A clock set further forward than this many intervals leaves them out.
const MAX_EMPTY: i64 = 1_000;
const NS: i64 = 1_000_000_000;

/// What capture knows of its own quality in an interval (record `probe_health`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    /// Packets the kernel gave, drops included.
    pub received: u64,
    /// Packets dropped because the ring was full.
    pub dropped: u64,
    /// Times the ring was full.
    pub freezes: u64,
    /// Packets cut before the end of their transport header.
    pub truncated: u64,
    /// Frames without a packet.
    pub unparsed: u64,
    /// Copies.
    pub duplicates: u64,
    /// TCP flows of which only one side ever sent.
    pub flows_one_sided: u64,
    /// Flows in the table.
    pub flows_active: u64,
    /// Flows cut because the table was full.
    pub flows_evicted: u64,
    /// Octets acknowledged and never seen.
    pub acked_unseen_octets: u64,
}

/// What the kernel did not give, since capture began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Packets dropped because the ring was full.
    pub dropped: u64,
    /// Times the ring was full.
    pub freezes: u64,
}

/// A finished interval of one observation point.
#[derive(Debug)]
pub struct PointInterval {
    /// A multiple of the interval's length.
    pub start_ns: i64,
    /// The next multiple, or when capture stopped.
    pub end_ns: i64,
    /// IPFIX messages of its records.
    pub messages: Vec<u8>,
    /// How many records.
    pub records: u64,
    /// Earliest and latest packet.
    pub span_ns: (Option<i64>, Option<i64>),
    /// How good the capture was.
    pub quality: Quality,
    /// The clock was set back: what comes next does not follow.
    pub last_before_step: bool,
}

/// One observation point.
#[derive(Debug)]
pub struct Point {
    name: String,
    length_ns: i64,
    start_ns: i64,
    meter: Meter,
    messages: Messages,
    counted: MeterCounts,
    losses: Losses,
    told: Losses,
    done: Vec<PointInterval>,
}

impl Point {
    /// A point that begins to meter at `now_ns`.
    #[must_use]
    pub fn new(name: &str, options: MeterOptions, length_ns: i64, now_ns: i64) -> Self {
        let start_ns = now_ns.div_euclid(length_ns) * length_ns;
        let mut meter = Meter::new(options);
        meter.begin_interval(start_ns);
        Self {
            name: name.to_owned(),
            length_ns,
            start_ns,
            meter,
            messages: messages(name, start_ns + length_ns),
            counted: MeterCounts::default(),
            losses: Losses::default(),
            told: Losses::default(),
            done: Vec::new(),
        }
    }

    fn end_ns(&self) -> i64 {
        self.start_ns + self.length_ns
    }

    /// What the kernel says of losses by now.
    pub fn learn(&mut self, losses: Losses) {
        self.losses = losses;
    }

    /// The next frame.
    pub fn observe(&mut self, frame: &Frame<'_>) {
        if frame.ts_ns >= self.end_ns() {
            self.advance(frame.ts_ns);
        } else if frame.ts_ns < self.start_ns {
            if frame.ts_ns < self.start_ns - DISORDER_NS {
                self.step_back(frame.ts_ns);
            } else {
                // A little late: it belongs to an interval that was given away. Its time moves, its octets stay.
                let late = Frame {
                    ts_ns: self.start_ns,
                    ..*frame
                };
                self.meter.observe(&late, &mut self.messages);
                return;
            }
        }
        self.meter.observe(frame, &mut self.messages);
    }

    /// Time passes; `idle` when the source had nothing more to give after `now_ns` was read.
    pub fn tick(&mut self, now_ns: i64, idle: bool) {
        if idle && now_ns < self.start_ns - DISORDER_NS {
            self.step_back(now_ns);
        }
        if idle && now_ns >= self.end_ns() + SETTLE_NS {
            self.advance(now_ns - SETTLE_NS);
        }
        let latest = self.meter.latest_ns().unwrap_or(now_ns);
        self.meter.expire(latest.max(now_ns), &mut self.messages);
    }

    /// Capture ended at `now_ns`: cut the interval under way short.
    pub fn stop(&mut self, now_ns: i64) {
        if now_ns >= self.end_ns() {
            self.advance(now_ns);
        }
        self.finish(now_ns.max(self.start_ns), true, false);
    }

    /// Intervals finished since the last call.
    pub fn take(&mut self) -> Vec<PointInterval> {
        std::mem::take(&mut self.done)
    }

    /// Finish intervals until the one that holds `now_ns` is under way.
    fn advance(&mut self, now_ns: i64) {
        while now_ns >= self.end_ns() {
            let end = self.end_ns();
            self.finish(end, false, false);
            let target = now_ns.div_euclid(self.length_ns) * self.length_ns;
            let skip = (target - end) / self.length_ns > MAX_EMPTY;
            self.begin(if skip { target } else { end });
        }
    }

    fn step_back(&mut self, now_ns: i64) {
        let end = self.end_ns();
        self.finish(end, false, true);
        self.begin(now_ns.div_euclid(self.length_ns) * self.length_ns);
    }

    fn begin(&mut self, start_ns: i64) {
        self.start_ns = start_ns;
        self.meter.begin_interval(start_ns);
        self.messages = messages(&self.name, self.end_ns());
    }

    fn finish(&mut self, end_ns: i64, forced: bool, last_before_step: bool) {
        let standing = self.meter.standing();
        if forced {
            self.meter.finish(&mut self.messages);
        } else {
            self.meter.cut_all(&mut self.messages);
        }
        let finished = std::mem::replace(&mut self.messages, messages(&self.name, end_ns));
        let (now, before) = (*self.meter.counts(), self.counted);
        let (losses, told) = (self.losses, self.told);
        let quality = Quality {
            received: (now.frames + losses.dropped) - (before.frames + told.dropped),
            dropped: losses.dropped - told.dropped,
            freezes: losses.freezes - told.freezes,
            truncated: now.truncated - before.truncated,
            unparsed: now.unparsed_total() - before.unparsed_total(),
            duplicates: now.duplicates - before.duplicates,
            flows_one_sided: standing.one_sided,
            flows_active: standing.active,
            flows_evicted: now.evicted - before.evicted,
            acked_unseen_octets: now.acked_unseen_octets - before.acked_unseen_octets,
        };
        (self.counted, self.told) = (now, losses);
        self.done.push(PointInterval {
            start_ns: self.start_ns,
            end_ns,
            records: finished.records(),
            span_ns: finished.span_ns(),
            messages: finished.finish(),
            quality,
            last_before_step,
        });
    }
}

fn messages(name: &str, end_ns: i64) -> Messages {
    let export_s = (end_ns / NS).clamp(0, i64::from(u32::MAX)) as u32;
    Messages::new(export_s, 0, Some(name.to_owned()))
}

/// Puts the intervals of several points together: one is whole when every point has gone beyond it.
#[derive(Debug)]
pub struct Assembly {
    points: usize,
    waiting: Vec<(usize, PointInterval)>,
    latest: Vec<Option<i64>>,
}

impl Assembly {
    /// For so many points.
    #[must_use]
    pub fn new(points: usize) -> Self {
        Self {
            points,
            waiting: Vec::new(),
            latest: vec![None; points],
        }
    }

    /// A point finished an interval; gives those that are whole now, oldest first, each with the points it has.
    pub fn add(&mut self, point: usize, interval: PointInterval) -> Vec<Vec<(usize, PointInterval)>> {
        let (start, step) = (interval.start_ns, interval.last_before_step);
        self.waiting.push((point, interval));
        if step {
            let all = std::mem::take(&mut self.waiting);
            self.latest = vec![None; self.points];
            return group(all);
        }
        self.latest[point] = Some(self.latest[point].map_or(start, |known| known.max(start)));
        let Some(whole) = self.latest.iter().copied().min().flatten() else {
            return Vec::new();
        };
        let (ready, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, interval)| interval.start_ns <= whole);
        self.waiting = waiting;
        group(ready)
    }

    /// What is left when the points have stopped.
    pub fn rest(&mut self) -> Vec<Vec<(usize, PointInterval)>> {
        group(std::mem::take(&mut self.waiting))
    }
}

fn group(mut ready: Vec<(usize, PointInterval)>) -> Vec<Vec<(usize, PointInterval)>> {
    ready.sort_by_key(|(point, interval)| (interval.start_ns, *point));
    let mut groups: Vec<Vec<(usize, PointInterval)>> = Vec::new();
    for one in ready {
        match groups.last_mut() {
            Some(group) if group[0].1.start_ns == one.1.start_ns => group.push(one),
            _ => groups.push(vec![one]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyOptions;
    use crate::packet::Tunnels;

    const BASE: i64 = 1_700_000_000 * NS;

    fn point() -> Point {
        let options = MeterOptions {
            idle_timeout_ns: 30 * NS,
            active_timeout_ns: 0,
            max_flows: 16,
            tunnels: Tunnels::Inner,
            key: KeyOptions::default(),
            exclude_ports: Vec::new(),
            applications: std::sync::Arc::default(),
        };
        Point::new("p", options, 10 * NS, BASE + 3 * NS)
    }

    /// A UDP datagram without payload.
    fn datagram() -> Vec<u8> {
        let mut octets = vec![0; 12];
        octets.extend_from_slice(&[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        octets.extend_from_slice(&[0, 1, 0, 2, 0, 8, 0, 0]);
        octets
    }

    fn pass(point: &mut Point, after_ns: i64) {
        let octets = datagram();
        let frame = Frame {
            ts_ns: BASE + after_ns,
            octets: &octets,
            wire_octets: octets.len() as u32,
            ..Frame::default()
        };
        point.observe(&frame);
    }

    fn bounds(intervals: &[PointInterval]) -> Vec<(i64, i64, u64)> {
        let of = |one: &PointInterval| ((one.start_ns - BASE) / NS, (one.end_ns - BASE) / NS, one.records);
        intervals.iter().map(of).collect()
    }

    #[test]
    fn a_packet_of_the_next_interval_finishes_the_one_before() {
        let mut point = point();
        pass(&mut point, 4 * NS);
        pass(&mut point, 31 * NS);
        assert_eq!(bounds(&point.take()), [(0, 10, 1), (10, 20, 0), (20, 30, 0)]);
        point.stop(BASE + 33 * NS);
        assert_eq!(bounds(&point.take()), [(30, 33, 1)]);
    }

    #[test]
    fn silence_finishes_an_interval_once_the_kernel_has_given_everything() {
        let mut point = point();
        pass(&mut point, 4 * NS);
        point.tick(BASE + 10 * NS + SETTLE_NS - 1, true);
        point.tick(BASE + 11 * NS, false);
        assert!(point.take().is_empty());
        point.tick(BASE + 10 * NS + SETTLE_NS, true);
        assert_eq!(bounds(&point.take()), [(0, 10, 1)]);
    }

    #[test]
    fn a_late_packet_counts_in_the_interval_under_way() {
        let mut point = point();
        pass(&mut point, 10 * NS);
        pass(&mut point, 10 * NS - 5);
        let _ = point.take();
        point.stop(BASE + 12 * NS);
        let last = point.take().pop().unwrap();
        assert_eq!(last.span_ns, (Some(BASE + 10 * NS), Some(BASE + 10 * NS)));
        assert_eq!(last.quality.received, 2);
    }

    #[test]
    fn a_clock_set_back_begins_a_new_grid_and_loses_nothing() {
        let mut point = point();
        pass(&mut point, 4 * NS);
        pass(&mut point, -3000 * NS);
        pass(&mut point, -2985 * NS);
        let intervals = point.take();
        assert_eq!(bounds(&intervals), [(0, 10, 1), (-3000, -2990, 1)]);
        assert!(intervals[0].last_before_step && !intervals[1].last_before_step);
    }

    #[test]
    fn an_interval_is_whole_when_every_point_has_gone_beyond_it() {
        let mut assembly = Assembly::new(2);
        let mut both = [point(), point()];
        pass(&mut both[0], 25 * NS);
        let mut whole = Vec::new();
        for interval in both[0].take() {
            whole.extend(assembly.add(0, interval));
        }
        assert!(whole.is_empty());
        pass(&mut both[1], 15 * NS);
        for interval in both[1].take() {
            whole.extend(assembly.add(1, interval));
        }
        assert_eq!(whole.len(), 1);
        assert_eq!(
            whole[0].iter().map(|(point, one)| (*point, one.start_ns)).collect::<Vec<_>>(),
            [(0, BASE), (1, BASE)]
        );
        assert_eq!(assembly.rest().len(), 1);
    }
}
