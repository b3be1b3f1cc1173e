//! Flow records as IPFIX messages of record kind `flow`.

use std::fmt::Write as _;

use ipfix::encode::Encoder;
use ipfix::histogram::Histogram;
use ipfix::table::flow as column;
use ipfix::time::to_ntp;
use ipfix::Record as Kind;

use super::fields::{ip, Handshaken};
use crate::app::Talk;
use crate::flow::{Record, RecordSink};
use crate::tcp::losses::Losses;
use crate::tcp::Connection;

/// Messages under way.
#[derive(Debug)]
pub struct Messages {
    encoder: Encoder,
    observation_point: Option<String>,
    scratch: String,
    octets: Vec<u8>,
    refused: u64,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
}

impl Messages {
    /// No record yet.
    ///
    /// # Panics
    /// When the field table has no record `flow`.
    #[must_use]
    pub fn new(export_s: u32, sequence: u32, observation_point: Option<String>) -> Self {
        let kind = Kind::named("flow").expect("the field table has a record flow");
        Self {
            encoder: Encoder::new(kind, export_s, 0, sequence),
            observation_point,
            scratch: String::new(),
            octets: Vec::new(),
            refused: 0,
            first_ns: None,
            last_ns: None,
        }
    }

    /// Records written.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.encoder.records()
    }

    /// Records that could not be written, because their times are outside what the wire can tell.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Earliest and latest packet of the records.
    #[must_use]
    pub const fn span_ns(&self) -> (Option<i64>, Option<i64>) {
        (self.first_ns, self.last_ns)
    }

    /// About how many octets wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        // A TCP record has about 300 octets.
        300 * self.records() as usize
    }

    /// The messages.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.encoder.finish()
    }

    fn write(&mut self, record: &Record<'_>) -> Result<(), ipfix::encode::RowError> {
        let (flow, sides) = (record.flow, record.sides());
        let encoder = &mut self.encoder;
        encoder.set_time(column::START_NS, flow.first_ns)?;
        encoder.set_time(column::END_NS, flow.last_ns)?;
        encoder.set_time(column::FLOW_START_NS, flow.start_ns)?;
        if let Some(interval) = record.interval_ns {
            encoder.set_time(column::INTERVAL_START_NS, interval)?;
        }
        encoder.set_u64(column::FLOW_ID, flow.hash);
        if let Some(point) = &self.observation_point {
            encoder.set_octets(column::OBSERVATION_POINT, point.as_bytes());
        }
        encoder.set_u64(column::PROTOCOL, u64::from(flow.key.protocol));
        let ends = [
            (column::SOURCE_ADDRESS, column::SOURCE_PORT),
            (column::DESTINATION_ADDRESS, column::DESTINATION_PORT),
        ];
        for (side, (address, port)) in sides.into_iter().zip(ends) {
            encoder.set_address(address, ip(flow.key.addresses[side], flow.key.is_v6));
            encoder.set_u64(port, u64::from(flow.key.ports[side]));
        }
        self.scratch.clear();
        for (at, entry) in flow.encapsulations.as_slice().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Writing into memory does not fail.
            let _ = write!(self.scratch, "{comma}{entry}");
        }
        encoder.set_octets(column::ENCAPSULATION, self.scratch.as_bytes());
        encoder.set_u64(column::END_REASON, record.reason as u64);
        // The reverse twin of a column is the one after it.
        for (twin, side) in sides.into_iter().enumerate() {
            let counts = &flow.counts[side];
            encoder.set_u64(column::PACKETS + twin, counts.packets);
            encoder.set_u64(column::OCTETS + twin, counts.octets);
            encoder.set_u64(column::FRAME_OCTETS + twin, counts.frame_octets);
            encoder.set_u64(column::DUPLICATES + twin, counts.duplicates);
            if counts.super_segments > 0 {
                encoder.set_u64(column::SUPER_SEGMENTS + twin, counts.super_segments);
            }
        }
        if let Some(application) = record.application {
            encoder.set_octets(column::APPLICATION, application.as_bytes());
        }
        write_handshake(encoder, record);
        if let Some(talk) = flow.ear.talk() {
            write_talk(encoder, talk, sides);
            if let (None, Some(exchange)) = (record.connection, talk.requests()) {
                let responses = exchange.responses.histogram();
                set_histogram(encoder, &mut self.octets, column::APPLICATION_RESPONSE, responses);
            }
        }
        if let Some(connection) = record.connection {
            write_connection(encoder, &mut self.octets, connection, sides);
        }
        encoder.commit()
    }
}

fn write_connection(encoder: &mut Encoder, octets: &mut Vec<u8>, connection: &Connection, sides: [usize; 2]) {
    for (twin, side) in sides.into_iter().enumerate() {
        let direction = &connection.directions[side];
        let (counts, classes) = (&direction.counts, direction.classes());
        for (number, value) in [
            (column::TCP_FLAGS, u64::from(counts.flags)),
            (column::TCP_PAYLOAD_OCTETS, counts.payload_octets),
            (column::TCP_SEGMENTS, counts.segments),
            (column::SYN_PACKETS, counts.syn),
            (column::FIN_PACKETS, counts.fin),
            (column::RST_PACKETS, counts.rst),
            (column::RST_HANDSHAKE, classes.rst_handshake),
            (column::RST_AFTER_FIN, classes.rst_after_fin),
            (column::RETRANSMISSIONS_WIRESHARK, counts.retransmissions_wireshark),
            (column::OUT_OF_ORDER_WIRESHARK, counts.out_of_order_wireshark),
            (column::RETRANSMISSIONS, classes.retransmissions()),
            (column::RETRANSMISSIONS_SPURIOUS, classes.spurious),
            (column::REORDERED, classes.reordered),
            (column::KEEPALIVES, classes.keepalives),
            (column::ZERO_WINDOW_PROBES, classes.zero_window_probes),
            (column::LOSS_UPSTREAM, classes.loss_upstream),
            (column::LOSS_DOWNSTREAM, classes.loss_downstream),
            (column::LOSS_UPSTREAM_INFERRED, classes.loss_upstream_inferred),
            (column::RETRANSMISSIONS_FAST, classes.retransmissions_fast),
            (column::RETRANSMISSIONS_TIMEOUT, classes.retransmissions_timeout),
            (column::RETRANSMISSION_DELAY_NS, classes.retransmission_delay_ns),
            (column::ZERO_WINDOW_EVENTS, counts.zero_window_events),
            (column::ZERO_WINDOW_NS, classes.zero_window_ns),
            (column::DUPLICATE_ACKS, counts.duplicate_acks),
            (column::ACKED_UNSEEN_OCTETS, classes.acked_unseen_octets),
        ] {
            encoder.set_u64(number + twin, value);
        }
        if direction.knows_window() {
            encoder.set_u64(column::WINDOW_FULL + twin, classes.window_full);
        }
        set_histogram(encoder, octets, column::DATA_RTT + twin, counts.data_rtt.histogram());
        if let Some(losses) = direction.losses() {
            set_losses(encoder, octets, twin, losses);
        }
    }
    encoder.set_u64(column::SYN_UNANSWERED, connection.handshake.unanswered);
    encoder.set_u64(column::SYN_REFUSED, connection.handshake.refused);
    let dialogue = &connection.dialogue;
    set_histogram(encoder, octets, column::APPLICATION_RESPONSE, dialogue.responses.histogram());
    set_histogram(encoder, octets, column::DATA_TRANSFER, dialogue.transfers.histogram());
}

fn set_losses(encoder: &mut Encoder, octets: &mut Vec<u8>, twin: usize, losses: &Losses) {
    octets.clear();
    for loss in losses.list() {
        // A record was refused before if its times could not be told.
        let ntp = to_ntp(loss.at_ns).unwrap_or(0);
        octets.extend_from_slice(&loss.sequence.to_be_bytes());
        octets.extend_from_slice(&loss.length.to_be_bytes());
        octets.extend_from_slice(&ntp.to_be_bytes());
        octets.push(loss.class as u8);
    }
    encoder.set_list(column::LOSS_EVENTS + twin, octets);
    encoder.set_u64(column::LOSS_EVENTS_LEFT_OUT + twin, losses.left_out());
}

fn write_handshake(encoder: &mut Encoder, record: &Record<'_>) {
    let Some(report) = record.handshake() else { return };
    set_some(encoder, column::RTT_SERVER_NS, report.server_ns);
    set_some(encoder, column::RTT_CLIENT_NS, report.client_ns);
    set_some(encoder, column::CONNECTION_SETUP_NS, report.setup_ns);
    encoder.set_bool(column::HANDSHAKE_AMBIGUOUS, report.ambiguous);
}

/// What payload told.
fn write_talk(encoder: &mut Encoder, talk: &Talk, sides: [usize; 2]) {
    if let Some(exchange) = talk.requests() {
        encoder.set_u64(column::APPLICATION_REQUESTS, exchange.requests);
        encoder.set_u64(column::APPLICATION_UNANSWERED, exchange.unanswered);
        encoder.set_u64(column::APPLICATION_ERRORS, exchange.errors);
    }
    set_some(encoder, column::FIRST_RESPONSE_NS, talk.first_response_ns());
    if let Some(dns) = talk.dns() {
        encoder.set_octets(column::DNS_QUERY_NAME, dns.name.as_bytes());
        encoder.set_u64(column::DNS_QUERY_TYPE, u64::from(dns.kind));
        set_some(encoder, column::DNS_RCODE, dns.rcode.map(u64::from));
        set_some(encoder, column::DNS_LATENCY_NS, dns.latency_ns);
    }
    let tls = Handshaken::of(talk);
    if let Some(hello) = tls.hello {
        if let Some(sni) = &hello.sni {
            encoder.set_octets(column::TLS_SNI, sni.as_bytes());
        }
        encoder.set_octets(column::TLS_JA3, hello.ja3.as_bytes());
        encoder.set_octets(column::TLS_JA4, hello.ja4.as_bytes());
    }
    if let Some(version) = tls.version {
        encoder.set_octets(column::TLS_VERSION, version.as_bytes());
    }
    set_some(encoder, column::TLS_HANDSHAKE_NS, tls.handshake_ns);
    if let Some(http) = talk.http() {
        if let Some(host) = &http.host {
            encoder.set_octets(column::HTTP_HOST, host.as_bytes());
        }
        encoder.set_octets(column::HTTP_METHOD, http.method.as_bytes());
        set_some(encoder, column::HTTP_STATUS, http.status.map(u64::from));
        set_some(encoder, column::HTTP_LATENCY_NS, http.latency_ns);
    }
    if let Some(sip) = talk.sip() {
        encoder.set_octets(column::SIP_METHOD, sip.method.as_bytes());
        set_some(encoder, column::SIP_STATUS, sip.status.map(u64::from));
        set_some(encoder, column::SIP_LATENCY_NS, sip.latency_ns);
    }
    for (twin, side) in sides.into_iter().enumerate() {
        let Some(rtp) = talk.rtp(side) else { continue };
        encoder.set_u64(column::RTP_PACKETS + twin, rtp.packets);
        encoder.set_u64(column::RTP_LOST + twin, rtp.lost);
        set_some(encoder, column::RTP_JITTER_NS + twin, rtp.jitter_ns);
        if let Some(mos) = rtp.mos {
            encoder.set_f64(column::RTP_MOS + twin, mos);
        }
    }
}

fn set_some(encoder: &mut Encoder, number: usize, value: Option<u64>) {
    if let Some(value) = value {
        encoder.set_u64(number, value);
    }
}

fn set_histogram(encoder: &mut Encoder, octets: &mut Vec<u8>, number: usize, histogram: &Histogram) {
    if !histogram.is_empty() {
        octets.clear();
        histogram.encode_into(octets);
        encoder.set_octets(number, octets);
    }
}

impl RecordSink for Messages {
    fn record(&mut self, record: &Record<'_>) {
        if self.write(record).is_err() {
            self.encoder.abandon();
            self.refused += 1;
            return;
        }
        let (first, last) = (record.flow.first_ns, record.flow.last_ns);
        self.first_ns = Some(self.first_ns.map_or(first, |known| known.min(first)));
        self.last_ns = Some(self.last_ns.map_or(last, |known| known.max(last)));
    }
}
