//! The meter of one observation point: packets with their time go in, flow records come out at timeouts and cuts.
//!
//! A pure core: time comes with the packets and with `expire`, records go to the sink that each call names. It knows neither files
//! nor interfaces nor encodings. Each observation point has a meter of its own, so that a flow seen at two is two flows.

use std::sync::Arc;

use crate::app::{Ear, Payload, Place};
use crate::application::{Applications, Subject};
use crate::copies::Copies;
use crate::flow::{Counts, EndReason, Flow, Record, RecordSink, NONE};
use crate::fragments::Fragments;
use crate::key::{Key, KeyOptions, Seed};
use crate::packet::{flags, Encapsulations, Frame, Packet, Tcp, Transport, Tunnels, Unparsed};
use crate::parse::parse_into;
use crate::table::Table;
use crate::tcp::Carriage;

const TCP: u8 = 6;

/// How a meter works.
#[derive(Clone, Debug)]
pub struct MeterOptions {
    /// A flow without packets for so long has ended; 0: never.
    pub idle_timeout_ns: i64,
    /// A record of a flow is cut when it covers so long; 0: never.
    pub active_timeout_ns: i64,
    /// Flows at once.
    pub max_flows: usize,
    /// Whose addresses count.
    pub tunnels: Tunnels,
    /// What belongs to the key beside addresses and ports.
    pub key: KeyOptions,
    /// TCP and UDP ports that are not metered.
    pub exclude_ports: Vec<u16>,
    /// Names of applications.
    pub applications: Arc<Applications>,
}

/// What a meter counted since it was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeterCounts {
    /// Frames given.
    pub frames: u64,
    /// Octets of the packets metered, by IP length.
    pub octets: u64,
    /// Frames without a packet, by `Unparsed::index`.
    pub unparsed: [u64; Unparsed::ALL.len()],
    /// Packets cut before the end of their transport header.
    pub truncated: u64,
    /// Copies of packets.
    pub duplicates: u64,
    /// Packets left out by `exclude_ports`.
    pub excluded: u64,
    /// Records cut.
    pub records: u64,
    /// Flows cut because the table was full.
    pub evicted: u64,
    /// Octets acknowledged and never seen, of the records cut.
    pub acked_unseen_octets: u64,
}

impl MeterCounts {
    /// Frames without a packet.
    #[must_use]
    pub fn unparsed_total(&self) -> u64 {
        self.unparsed.iter().sum()
    }
}

/// What the table holds at the end of an interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Flows in the table.
    pub active: u64,
    /// TCP flows with packets in the interval of which only one side ever sent.
    pub one_sided: u64,
}

/// A flow table with its rules.
#[derive(Debug)]
pub struct Meter {
    options: MeterOptions,
    excluded: Option<Box<[u64; 1024]>>,
    seed: Seed,
    table: Table,
    fragments: Fragments,
    copies: Copies,
    counts: MeterCounts,
    interval_ns: Option<i64>,
    latest_ns: i64,
}

impl Meter {
    /// An empty meter.
    #[must_use]
    pub fn new(options: MeterOptions) -> Self {
        let mut excluded = (!options.exclude_ports.is_empty()).then(|| Box::new([0u64; 1024]));
        if let Some(bits) = &mut excluded {
            for &port in &options.exclude_ports {
                bits[usize::from(port >> 6)] |= 1 << (port & 63);
            }
        }
        Self {
            table: Table::new(options.max_flows),
            options,
            excluded,
            seed: Seed::random(),
            fragments: Fragments::default(),
            copies: Copies::default(),
            counts: MeterCounts::default(),
            interval_ns: None,
            latest_ns: i64::MIN,
        }
    }

    /// Counters so far.
    #[must_use]
    pub const fn counts(&self) -> &MeterCounts {
        &self.counts
    }

    /// Records from now on belong to the interval that starts then.
    pub fn begin_interval(&mut self, start_ns: i64) {
        self.interval_ns = Some(start_ns);
    }

    /// Latest packet so far; none before the first.
    #[must_use]
    pub fn latest_ns(&self) -> Option<i64> {
        (self.latest_ns != i64::MIN).then_some(self.latest_ns)
    }

    /// The next frame; its packet counts as passing at `frame.ts_ns`.
    pub fn observe(&mut self, frame: &Frame<'_>, sink: &mut dyn RecordSink) {
        self.counts.frames += 1;
        self.latest_ns = self.latest_ns.max(frame.ts_ns);
        let mut packet = Packet::default();
        match parse_into(frame, self.options.tunnels, &mut packet) {
            Ok(()) => self.packet(frame, &packet, sink),
            Err(reason) => self.counts.unparsed[reason.index()] += 1,
        }
    }

    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet, sink: &mut dyn RecordSink) {
        self.counts.truncated += u64::from(packet.header_cut);
        let now_ns = frame.ts_ns;
        let ports = self.fragments.ports(packet, now_ns, &self.seed);
        if self.is_excluded(ports) && matches!(packet.protocol, TCP | 17) {
            self.counts.excluded += 1;
            return;
        }
        let (key, side) = Key::of(packet, ports);
        let wrapping = self.options.key.select(&packet.encapsulations);
        let hash = self.seed.hash(&key, &wrapping);
        let index = self.place(hash, &key, &wrapping, side, packet, now_ns, sink);
        let duplicate = self
            .copies
            .is_copy(packet, hash.wrapping_add(side as u64), now_ns, &self.seed);
        self.counts.duplicates += u64::from(duplicate);
        self.counts.octets += u64::from(packet.ip_octets);
        let Some((flow, connection)) = self.table.get_mut(index) else {
            return;
        };
        let counts = &mut flow.counts[side];
        let mut pieces = 1;
        if let (true, Transport::Tcp(tcp), Some(connection)) = (frame.super_segment, &packet.transport, &connection) {
            pieces = connection.pieces(tcp, packet.is_v6);
            counts.cut_up(tcp, pieces, packet.ip_octets, frame.wire_octets);
        }
        counts.packets += 1;
        counts.octets += u64::from(packet.ip_octets);
        counts.frame_octets += u64::from(frame.wire_octets);
        counts.duplicates += u64::from(duplicate);
        flow.first_ns = flow.first_ns.min(now_ns);
        flow.last_ns = flow.last_ns.max(now_ns);
        flow.seen[side] = true;
        if !packet.encapsulations.is_empty() {
            flow.encapsulate(&packet.encapsulations);
        }
        if let (Transport::Tcp(tcp), Some(connection)) = (&packet.transport, connection) {
            orient(flow, side, tcp);
            let carriage = Carriage {
                ip_id: if packet.is_v6 { None } else { packet.ip_id },
                duplicate,
                fragmented: packet.fragment.is_some_and(|fragment| fragment.more),
                pieces,
            };
            connection.observe(side, flow.forward, tcp, now_ns, carriage);
            if tcp.payload_octets > 0 && !flow.ear.is_deaf() && !duplicate {
                let place = Place {
                    seq: tcp.seq.wrapping_add(u32::from(tcp.has(flags::SYN))),
                    first: connection.first_octet(side),
                };
                listen(flow, &self.options.applications, packet, frame, side, Some(place));
            }
        } else if matches!(packet.transport, Transport::Udp { payload_octets: 1.. }) && !flow.ear.is_deaf() && !duplicate {
            listen(flow, &self.options.applications, packet, frame, side, None);
        }
    }

    fn is_excluded(&self, (source, destination): (u16, u16)) -> bool {
        let Some(bits) = &self.excluded else { return false };
        let has = |port: u16| bits[usize::from(port >> 6)] >> (port & 63) & 1 == 1;
        has(source) || has(destination)
    }

    /// The flow of a packet: the one in the table unless its time is over, else a new one.
    #[allow(clippy::too_many_arguments)] // one packet, taken apart once
    fn place(
        &mut self,
        hash: u64,
        key: &Key,
        wrapping: &Encapsulations,
        side: usize,
        packet: &Packet,
        now_ns: i64,
        sink: &mut dyn RecordSink,
    ) -> u32 {
        if let Some(index) = self.table.find(hash, key, wrapping) {
            match self.ending(index, side, packet, now_ns) {
                None => {
                    self.reopen(index, now_ns);
                    return index;
                }
                Some(EndReason::Active) => {
                    self.cut(index, EndReason::Active, sink);
                    self.reopen(index, now_ns);
                    return index;
                }
                Some(reason) => self.end(index, reason, sink),
            }
        }
        if self.table.is_full() {
            if let Some(victim) = self.table.victim(hash) {
                self.counts.evicted += 1;
                self.end(victim, EndReason::Resources, sink);
            }
        }
        let flow = new_flow(hash, *key, *wrapping, side, now_ns);
        let index = self.table.insert(flow, key.protocol == TCP);
        if self.options.idle_timeout_ns > 0 {
            self.table.schedule(index, now_ns + self.options.idle_timeout_ns);
        }
        index
    }

    /// Whether the flow's record, or the flow itself, is over when this packet comes.
    fn ending(&self, index: u32, side: usize, packet: &Packet, now_ns: i64) -> Option<EndReason> {
        let (flow, connection) = self.table.get(index)?;
        let over = |timeout: i64, since: i64| timeout > 0 && now_ns - since >= timeout;
        if over(self.options.idle_timeout_ns, flow.last_ns) {
            return Some(EndReason::Idle);
        }
        if let (Some(tcp), Some(connection)) = (packet.tcp(), connection) {
            if connection.is_followed_by(side, tcp) {
                return Some(EndReason::End);
            }
        }
        let active = flow.packets() > 0 && over(self.options.active_timeout_ns, flow.first_ns);
        active.then_some(EndReason::Active)
    }

    /// The first packet after a cut begins the next record.
    fn reopen(&mut self, index: u32, now_ns: i64) {
        if let Some((flow, _)) = self.table.get_mut(index) {
            if flow.packets() == 0 {
                flow.first_ns = now_ns;
            }
        }
    }

    /// Cut the record of a flow and go on with it.
    fn cut(&mut self, index: u32, reason: EndReason, sink: &mut dyn RecordSink) {
        let interval_ns = self.interval_ns;
        let Some((flow, mut connection)) = self.table.get_mut(index) else {
            return;
        };
        if flow.packets() == 0 {
            return;
        }
        let until = flow.last_ns;
        if let Some(connection) = connection.as_deref_mut() {
            connection.settle(until, self.latest_ns.max(until), reason != EndReason::Active);
            self.counts.acked_unseen_octets += connection
                .directions
                .iter()
                .map(|d| d.classes().acked_unseen_octets)
                .sum::<u64>();
        }
        flow.ear.settle(until, reason != EndReason::Active);
        let applications = &self.options.applications;
        if flow.application.is_none() {
            flow.application = applications.find(&subject(flow));
        }
        sink.record(&Record {
            flow,
            connection: connection.as_deref(),
            application: flow.application.map(|application| applications.name(application)),
            reason,
            interval_ns,
        });
        self.counts.records += 1;
        flow.cut();
        flow.ear.cut();
        if let Some(connection) = connection {
            connection.cut(until);
        }
    }

    /// Cut the last record of a flow and take it out of the table.
    fn end(&mut self, index: u32, reason: EndReason, sink: &mut dyn RecordSink) {
        self.cut(index, reason, sink);
        self.table.remove(index);
    }

    /// End the flows that have been idle for long enough at `now_ns`.
    pub fn expire(&mut self, now_ns: i64, sink: &mut dyn RecordSink) {
        let timeout = self.options.idle_timeout_ns;
        if timeout == 0 {
            return;
        }
        while let Some(index) = self.table.next_due(now_ns) {
            let deadline = self.table.get(index).map(|(flow, _)| flow.last_ns + timeout);
            match deadline {
                Some(deadline) if deadline > now_ns => self.table.schedule(index, deadline),
                Some(_) => self.end(index, EndReason::Idle, sink),
                None => {}
            }
        }
    }

    /// What the table holds now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for (flow, connection) in self.table.indexes().filter_map(|index| self.table.get(index)) {
            let one_sided = connection.is_some() && flow.packets() > 0 && flow.seen != [true; 2];
            standing.one_sided += u64::from(one_sided);
            standing.active += 1;
        }
        standing
    }

    /// Cut a record of every flow with packets since the last cut; the flows go on.
    pub fn cut_all(&mut self, sink: &mut dyn RecordSink) {
        for index in self.table.indexes() {
            self.cut(index, EndReason::Active, sink);
        }
    }

    /// End all flows: the input is over.
    pub fn finish(&mut self, sink: &mut dyn RecordSink) {
        for index in self.table.indexes() {
            if self.table.get(index).is_some() {
                self.end(index, EndReason::Forced, sink);
            }
        }
    }
}

/// What payload tells; kept away from the path of the packets that tell nothing.
#[inline(never)]
fn listen(flow: &mut Flow, applications: &Applications, packet: &Packet, frame: &Frame<'_>, side: usize, place: Option<Place>) {
    let client = flow.forward;
    let length = match &packet.transport {
        Transport::Tcp(tcp) => tcp.payload_octets,
        Transport::Udp { payload_octets } => *payload_octets,
        Transport::Icmp(_) | Transport::Other => return,
    };
    let octets = packet.payload(frame);
    let by_port = match flow.ear.talk() {
        Some(_) => None,
        None => applications.protocol_on(flow.key.protocol, [flow.key.ports[1 - client], flow.key.ports[client]]),
    };
    let payload = Payload {
        side,
        client,
        now_ns: frame.ts_ns,
        // Behind the datagram's end there may be padding.
        octets: &octets[..octets.len().min(length as usize)],
        length,
        by_port,
    };
    let news = match place {
        Some(place) => flow.ear.segment(&payload, place),
        None => flow.ear.datagram(&payload),
    };
    if news {
        flow.application = None;
    }
}

/// What the flow shows of its application.
fn subject(flow: &Flow) -> Subject<'_> {
    let server = 1 - flow.forward;
    Subject {
        protocol: flow.key.protocol,
        server: flow.key.addresses[server],
        is_v6: flow.key.is_v6,
        ports: [flow.key.ports[server], flow.key.ports[flow.forward]],
        host: flow.ear.talk().and_then(crate::app::Talk::host),
        told: flow.ear.told(),
    }
}

/// Forward is the direction of the SYN without ACK, the reverse of a lone SYN-ACK, else of the first packet.
fn orient(flow: &mut Flow, side: usize, tcp: &Tcp) {
    if flow.forward_known || !tcp.has(flags::SYN) {
        return;
    }
    if tcp.has(flags::ACK) {
        flow.forward = 1 - side;
    } else {
        flow.forward = side;
        flow.forward_known = true;
    }
}

fn new_flow(hash: u64, key: Key, key_encapsulations: Encapsulations, side: usize, now_ns: i64) -> Flow {
    Flow {
        hash,
        key,
        key_encapsulations,
        encapsulations: Encapsulations::default(),
        forward: side,
        forward_known: false,
        start_ns: now_ns,
        first_ns: now_ns,
        last_ns: now_ns,
        counts: [Counts::default(); 2],
        seen: [false; 2],
        application: None,
        ear: Ear::default(),
        connection: NONE,
        neighbours: [NONE; 2],
        due: NONE,
    }
}
