//! The fields of a flow record as `probe flows` names them, in the order of the contract: one list for every text format.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::app::exchange::Exchange;
use crate::app::hello::{version_name, ClientHello};
use crate::app::Talk;
use crate::distribution::Distribution;
use crate::flow::{self, Record};
use crate::packet::{Address, Encapsulations};
use crate::tcp::counts::{Classes, Counts};
use crate::tcp::direction::Direction;
use crate::tcp::losses::Losses;

/// Takes the fields of a record one after the other; `None` is absent.
pub trait Visitor {
    /// A number.
    fn number(&mut self, name: &'static str, value: Option<i64>);
    /// A word that needs no escaping.
    fn word(&mut self, name: &'static str, value: Option<&str>);
    /// True or false.
    fn truth(&mut self, name: &'static str, value: Option<bool>);
    /// An address.
    fn address(&mut self, name: &'static str, value: Option<IpAddr>);
    /// The encapsulations.
    fn encapsulations(&mut self, name: &'static str, value: Option<&Encapsulations>);
    /// Lost segments one by one.
    fn losses(&mut self, name: &'static str, value: Option<&Losses>);
    /// A distribution; `with_min` when its smallest value is told.
    fn distribution(&mut self, names: &Distributed, value: Option<&Distribution>);
    /// A text that strangers chose.
    fn text(&mut self, name: &'static str, value: Option<&str>);
    /// A fraction, told to six decimals.
    fn real(&mut self, name: &'static str, value: Option<f64>);
    /// What follows belongs together, up to `leave`; not `present`, all of it is absent.
    fn enter(&mut self, name: &'static str, present: bool);
    /// The end of what belongs together.
    fn leave(&mut self);
}

/// Names of a distribution: as one object, and as columns.
#[derive(Debug)]
pub struct Distributed {
    /// The object.
    pub name: &'static str,
    /// Its parts as columns: n, min, p50, p95, max; an empty name is left out.
    pub columns: [&'static str; 5],
}

macro_rules! distributed {
    ($name:literal, $min:literal) => {
        Distributed {
            name: $name,
            columns: [
                concat!($name, "_n"),
                $min,
                concat!($name, "_p50"),
                concat!($name, "_p95"),
                concat!($name, "_max"),
            ],
        }
    };
}

static DATA_RTT: [Distributed; 2] = [
    distributed!("data_rtt_ns", "data_rtt_ns_min"),
    distributed!("reverse_data_rtt_ns", "reverse_data_rtt_ns_min"),
];
static RESPONSE: Distributed = distributed!("application_response_ns", "");
static TRANSFER: Distributed = distributed!("data_transfer_ns", "");
const LOSSES: [[&str; 2]; 2] = [
    ["loss_events", "loss_events_left_out"],
    ["reverse_loss_events", "reverse_loss_events_left_out"],
];

macro_rules! twins {
    ($kind:ty: $($name:ident = $value:expr),+ $(,)?) => {
        &[$((stringify!($name), concat!("reverse_", stringify!($name)), $value as fn(&$kind) -> u64)),+]
    };
}

type Twin<T> = (&'static str, &'static str, fn(&T) -> u64);

const COUNTS: &[Twin<flow::Counts>] = twins!(flow::Counts:
    packets = |c| c.packets,
    octets = |c| c.octets,
    frame_octets = |c| c.frame_octets,
    duplicates = |c| c.duplicates,
);

const TCP: &[Twin<Counts>] = twins!(Counts:
    tcp_flags = |c| u64::from(c.flags),
    tcp_payload_octets = |c| c.payload_octets,
    tcp_segments = |c| c.segments,
    syn_packets = |c| c.syn,
    fin_packets = |c| c.fin,
    rst_packets = |c| c.rst,
    retransmissions_wireshark = |c| c.retransmissions_wireshark,
    out_of_order_wireshark = |c| c.out_of_order_wireshark,
    zero_window_events = |c| c.zero_window_events,
    duplicate_acks = |c| c.duplicate_acks,
);

const CLASSES: &[Twin<Classes>] = twins!(Classes:
    rst_handshake = |c| c.rst_handshake,
    rst_after_fin = |c| c.rst_after_fin,
    retransmissions = Classes::retransmissions,
    retransmissions_spurious = |c| c.spurious,
    reordered = |c| c.reordered,
    keepalives = |c| c.keepalives,
    zero_window_probes = |c| c.zero_window_probes,
    loss_upstream = |c| c.loss_upstream,
    loss_downstream = |c| c.loss_downstream,
    loss_upstream_inferred = |c| c.loss_upstream_inferred,
    retransmissions_fast = |c| c.retransmissions_fast,
    retransmissions_timeout = |c| c.retransmissions_timeout,
    retransmission_delay_ns = |c| c.retransmission_delay_ns,
    zero_window_ns = |c| c.zero_window_ns,
    acked_unseen_octets = |c| c.acked_unseen_octets,
);

/// Show every field of a record to a visitor; without a record only the names.
pub fn visit(record: Option<&Record<'_>>, visitor: &mut impl Visitor) {
    let flow = record.map(|record| record.flow);
    let sides = record.map_or([0, 1], Record::sides);
    visitor.number("start_ns", flow.map(|flow| flow.first_ns));
    visitor.number("end_ns", flow.map(|flow| flow.last_ns));
    visitor.number("protocol", flow.map(|flow| i64::from(flow.key.protocol)));
    for (side, [address, port]) in sides
        .into_iter()
        .zip([["source_address", "source_port"], ["destination_address", "destination_port"]])
    {
        visitor.address(address, flow.map(|flow| ip(flow.key.addresses[side], flow.key.is_v6)));
        visitor.number(port, flow.map(|flow| i64::from(flow.key.ports[side])));
    }
    visitor.encapsulations("encapsulation", flow.map(|flow| &flow.encapsulations));
    let counts = sides.map(|side| flow.map(|flow| &flow.counts[side]));
    twins(COUNTS, counts, visitor);
    for (name, counts) in ["super_segments", "reverse_super_segments"].into_iter().zip(counts) {
        let some = counts.map(|counts| counts.super_segments as i64).filter(|&number| number > 0);
        visitor.number(name, some);
    }
    visitor.word("end_reason", record.map(|record| record.reason.name()));
    let connection = record.and_then(|record| record.connection);
    let directions = sides.map(|side| connection.map(|connection| &connection.directions[side]));
    twins(TCP, directions.map(|of| of.map(|direction| &direction.counts)), visitor);
    twins(CLASSES, directions.map(|of| of.map(Direction::classes)), visitor);
    for (name, direction) in ["window_full", "reverse_window_full"].into_iter().zip(directions) {
        let known = direction.filter(|direction| direction.knows_window());
        visitor.number(name, known.map(|direction| direction.classes().window_full as i64));
    }
    for (names, direction) in DATA_RTT.iter().zip(directions) {
        visitor.distribution(names, direction.map(|of| &of.counts.data_rtt).filter(|rtt| rtt.n() > 0));
    }
    for ([name, left_out], direction) in LOSSES.into_iter().zip(directions) {
        let losses = direction.and_then(Direction::losses);
        visitor.losses(name, losses);
        visitor.number(left_out, losses.map(|losses| losses.left_out() as i64));
    }
    visit_handshake(record, visitor);
    visitor.word("application", record.and_then(|record| record.application));
    let talk = flow.and_then(|flow| flow.ear.talk());
    let dialogue = connection.map(|connection| &connection.dialogue);
    let exchange = talk.and_then(Talk::requests);
    let some = |times: &&Distribution| times.n() > 0;
    // Where TCP does not measure it, the protocol does.
    let responses = dialogue.map(|dialogue| &dialogue.responses);
    let responses = responses.or_else(|| exchange.map(|exchange| &exchange.responses));
    visitor.distribution(&RESPONSE, responses.filter(some));
    visitor.distribution(&TRANSFER, dialogue.map(|dialogue| &dialogue.transfers).filter(some));
    visit_talk(talk, sides, visitor);
}

fn ns(value: Option<u64>) -> Option<i64> {
    value.map(|ns| ns as i64)
}

fn visit_handshake(record: Option<&Record<'_>>, visitor: &mut impl Visitor) {
    let handshake = record.and_then(Record::handshake);
    visitor.number("rtt_server_ns", ns(handshake.and_then(|report| report.server_ns)));
    visitor.number("rtt_client_ns", ns(handshake.and_then(|report| report.client_ns)));
    visitor.number("connection_setup_ns", ns(handshake.and_then(|report| report.setup_ns)));
    visitor.truth("handshake_ambiguous", handshake.map(|report| report.ambiguous));
    let connection = record.and_then(|record| record.connection);
    visitor.number("syn_unanswered", connection.map(|of| of.handshake.unanswered as i64));
    visitor.number("syn_refused", connection.map(|of| of.handshake.refused as i64));
}

/// What payload told.
fn visit_talk(talk: Option<&Talk>, sides: [usize; 2], visitor: &mut impl Visitor) {
    let exchange = talk.and_then(Talk::requests);
    let count = |value: fn(&Exchange) -> u64| exchange.map(|exchange| value(exchange) as i64);
    visitor.number("application_requests", count(|exchange| exchange.requests));
    visitor.number("application_unanswered", count(|exchange| exchange.unanswered));
    visitor.number("application_errors", count(|exchange| exchange.errors));
    visitor.number("first_response_ns", ns(talk.and_then(Talk::first_response_ns)));
    let dns = talk.and_then(Talk::dns);
    visitor.enter("dns", dns.is_some());
    visitor.text("query_name", dns.map(|dns| dns.name.as_str()));
    visitor.number("query_type", dns.map(|dns| i64::from(dns.kind)));
    visitor.number("rcode", dns.and_then(|dns| dns.rcode).map(i64::from));
    visitor.number("latency_ns", ns(dns.and_then(|dns| dns.latency_ns)));
    visitor.leave();
    let tls = talk.map(Handshaken::of).unwrap_or_default();
    visitor.enter("tls", tls.is_some());
    visitor.text("sni", tls.hello.and_then(|hello| hello.sni.as_deref()));
    visitor.word("version", tls.version);
    visitor.word("ja3", tls.hello.map(|hello| hello.ja3.as_str()));
    visitor.text("ja4", tls.hello.map(|hello| hello.ja4.as_str()));
    visitor.number("handshake_ns", ns(tls.handshake_ns));
    visitor.leave();
    let http = talk.and_then(Talk::http);
    visitor.enter("http", http.is_some());
    visitor.text("host", http.and_then(|http| http.host.as_deref()));
    visitor.word("method", http.map(|http| http.method));
    visitor.number("status", http.and_then(|http| http.status).map(i64::from));
    visitor.number("latency_ns", ns(http.and_then(|http| http.latency_ns)));
    visitor.leave();
    let sip = talk.and_then(Talk::sip);
    visitor.enter("sip", sip.is_some());
    visitor.word("method", sip.map(|sip| sip.method));
    visitor.number("status", sip.and_then(|sip| sip.status).map(i64::from));
    visitor.number("latency_ns", ns(sip.and_then(|sip| sip.latency_ns)));
    visitor.leave();
    for (name, side) in ["rtp", "reverse_rtp"].into_iter().zip(sides) {
        let rtp = talk.and_then(|talk| talk.rtp(side));
        visitor.enter(name, rtp.is_some());
        visitor.number("packets", rtp.map(|rtp| rtp.packets as i64));
        visitor.number("lost", rtp.map(|rtp| rtp.lost as i64));
        visitor.real("loss_ratio", rtp.map(|rtp| rtp.loss_ratio()));
        visitor.number("jitter_ns", ns(rtp.and_then(|rtp| rtp.jitter_ns)));
        visitor.real("mos", rtp.and_then(|rtp| rtp.mos));
        visitor.leave();
    }
}

/// What a record says of a TLS handshake, whatever carried it.
#[derive(Clone, Copy, Default)]
pub struct Handshaken<'a> {
    /// What the client said.
    pub hello: Option<&'a ClientHello>,
    /// Version of the connection.
    pub version: Option<&'static str>,
    /// How long it took.
    pub handshake_ns: Option<u64>,
}

impl<'a> Handshaken<'a> {
    /// Of a conversation.
    #[must_use]
    pub fn of(talk: &'a Talk) -> Self {
        if let Some(tls) = talk.tls() {
            return Self {
                hello: tls.hello.as_ref(),
                version: tls.version.and_then(version_name),
                handshake_ns: tls.handshake_ns,
            };
        }
        let Some(quic) = talk.quic() else {
            return Self::default();
        };
        Self {
            hello: quic.hello.as_ref(),
            // QUIC has no other.
            version: Some("TLSv1.3"),
            handshake_ns: quic.handshake_ns,
        }
    }

    const fn is_some(&self) -> bool {
        self.hello.is_some() || self.version.is_some() || self.handshake_ns.is_some()
    }
}

fn twins<T>(table: &[Twin<T>], directions: [Option<&T>; 2], visitor: &mut impl Visitor) {
    for (name, reverse, value) in table {
        visitor.number(name, directions[0].map(|counts| value(counts) as i64));
        visitor.number(reverse, directions[1].map(|counts| value(counts) as i64));
    }
}

/// The address of a key as the standard library has it.
#[must_use]
pub fn ip(Address(octets): Address, is_v6: bool) -> IpAddr {
    if is_v6 {
        return Ipv6Addr::from(octets).into();
    }
    Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into()
}
