//! TCP of one flow: segments in the order of capture go in, counts and times by direction come out.
//!
//! A pure core: `observe` takes a header and a time. It knows neither addresses nor records.

pub mod direction;
pub mod handshake;
pub mod seq;
pub mod wireshark;

use crate::distribution::Distribution;
use crate::packet::{flags, Tcp};
use direction::{Around, Content, Direction};
use handshake::Handshake;
use wireshark::Conversation;

/// What the IP layer tells about a segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carriage {
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// A copy of a packet that was seen already.
    pub duplicate: bool,
    /// The first of several IP fragments: the segment is longer than it says.
    pub fragmented: bool,
}

/// One TCP connection, or the part of it that is one flow.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// By side of the flow key.
    pub directions: [Direction; 2],
    /// The opening.
    pub handshake: Handshake,
    /// The server's own time from the last octet of a request to the first of the response.
    pub responses: Distribution,
    wireshark: Conversation,
    first_sequence: [Option<u32>; 2],
    closing: bool,
    request_ns: Option<i64>,
}

impl Connection {
    /// Whether this segment opens another connection on the same ports, the one before having been closed.
    #[must_use]
    pub fn is_followed_by(&self, side: usize, tcp: &Tcp) -> bool {
        self.closing && self.is_other(side, tcp)
    }

    fn is_other(&self, side: usize, tcp: &Tcp) -> bool {
        tcp.flags & (flags::SYN | flags::ACK) == flags::SYN && self.first_sequence[side] != Some(tcp.seq)
    }

    /// The next segment, sent by `side`; `client` is the side that began the flow.
    pub fn observe(&mut self, side: usize, client: usize, tcp: &Tcp, now_ns: i64, carriage: Carriage) {
        let verdict = self.wireshark.observe(side, tcp, now_ns);
        let counts = &mut self.directions[side].counts;
        counts.flags |= tcp.flags;
        counts.payload_octets += u64::from(tcp.payload_octets);
        counts.syn += u64::from(tcp.has(flags::SYN));
        counts.fin += u64::from(tcp.has(flags::FIN));
        counts.rst += u64::from(tcp.has(flags::RST));
        counts.retransmissions_wireshark += u64::from(verdict.retransmission);
        counts.out_of_order_wireshark += u64::from(verdict.out_of_order);
        counts.zero_window_events += u64::from(verdict.zero_window);
        counts.duplicate_acks += u64::from(verdict.duplicate_ack);
        if !carriage.duplicate {
            self.classify(side, client, tcp, now_ns, carriage);
        }
        self.closing |= tcp.has(flags::FIN | flags::RST);
    }

    fn classify(&mut self, side: usize, client: usize, tcp: &Tcp, now_ns: i64, carriage: Carriage) {
        if self.is_other(side, tcp) {
            self.restart(now_ns);
        }
        if tcp.has(flags::SYN) && self.first_sequence[side] != Some(tcp.seq) {
            self.first_sequence[side] = Some(tcp.seq);
        }
        self.handshake.observe(side, tcp, now_ns);
        let around = self.around(side);
        let content = self.directions[side].segment(tcp, now_ns, carriage.ip_id, around);
        if carriage.fragmented {
            self.directions[side].lose_track();
        }
        self.directions[side].advertise(tcp, now_ns);
        self.directions[1 - side].acknowledge(tcp, now_ns);
        if content == Content::New {
            self.converse(side == client, now_ns);
        }
    }

    fn restart(&mut self, now_ns: i64) {
        for direction in &mut self.directions {
            direction.restart(now_ns);
        }
        self.handshake = Handshake::default();
        self.first_sequence = [None; 2];
        self.request_ns = None;
    }

    /// Shortest round trips to both ends, of handshake and data.
    fn around(&self, side: usize) -> Around {
        let (sender, receiver) = self.handshake.around(side);
        let shorter = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        Around {
            sender_ns: shorter(self.directions[1 - side].rtt_ns(), sender),
            receiver_ns: shorter(self.directions[side].rtt_ns(), receiver),
        }
    }

    /// New data passed: part of a request, or the beginning of the response to it.
    fn converse(&mut self, by_client: bool, now_ns: i64) {
        if by_client {
            self.request_ns = Some(now_ns);
        } else if let Some(request) = self.request_ns.take() {
            let network = self.handshake.server_ns().unwrap_or(0) as i64;
            self.responses.add((now_ns - request - network).max(0));
        }
    }

    /// Bring times up to a cut at `now_ns`, before the counts are read.
    pub fn settle(&mut self, now_ns: i64) {
        for direction in &mut self.directions {
            direction.settle_window(now_ns);
        }
    }

    /// The counts were read: begin anew, go on with the state.
    pub fn cut(&mut self, now_ns: i64) {
        for direction in &mut self.directions {
            direction.cut(now_ns);
        }
        self.handshake.cut();
        self.responses.clear();
    }
}
