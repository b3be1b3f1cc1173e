//! TCP of one flow: segments in the order of capture go in, counts and times by direction come out.
//!
//! A pure core: `observe` takes a header and a time. It knows neither addresses nor records.

pub mod absence;
pub mod counts;
pub mod dialogue;
pub mod direction;
pub mod handshake;
pub mod losses;
pub mod offers;
pub mod recovery;
pub mod seq;
pub mod trouble;
pub mod wireshark;

use crate::packet::{flags, Tcp};
use dialogue::Dialogue;
use direction::{Content, Direction};
use handshake::Handshake;
use offers::Offers;
use recovery::Around;
use wireshark::{Conversation, Verdict};

/// Flags of segments that open or end a connection; most segments have none of them.
const CONTROL: u16 = flags::SYN | flags::FIN | flags::RST;

/// What the IP layer tells about a segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carriage {
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// A copy of a packet that was seen already.
    pub duplicate: bool,
    /// The first of several IP fragments: the segment is longer than it says.
    pub fragmented: bool,
    /// Segments on the wire: more than one when a host shows what its network card cuts or has put together.
    pub pieces: u32,
}

/// One TCP connection, or the part of it that is one flow.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// By side of the flow key.
    pub directions: [Direction; 2],
    /// The opening.
    pub handshake: Handshake,
    /// Requests and responses.
    pub dialogue: Dialogue,
    offers: Offers,
    wireshark: Conversation,
    first_sequence: [Option<u32>; 2],
    finished: bool,
    closing: bool,
}

impl Connection {
    /// Whether this segment opens another connection on the same ports, the one before having been closed.
    #[must_use]
    pub fn is_followed_by(&self, side: usize, tcp: &Tcp) -> bool {
        self.closing && self.is_other(side, tcp)
    }

    /// Sequence number of the first octet of a side's data, when its SYN was seen.
    #[must_use]
    pub fn first_octet(&self, side: usize) -> Option<u32> {
        self.first_sequence[side].map(|syn| syn.wrapping_add(1))
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
        if tcp.has(CONTROL) {
            counts.syn += u64::from(tcp.has(flags::SYN));
            counts.fin += u64::from(tcp.has(flags::FIN));
            counts.rst += u64::from(tcp.has(flags::RST));
        }
        if verdict != Verdict::default() {
            counts.retransmissions_wireshark += u64::from(verdict.retransmission);
            counts.out_of_order_wireshark += u64::from(verdict.out_of_order);
            counts.zero_window_events += u64::from(verdict.zero_window);
            counts.duplicate_acks += u64::from(verdict.duplicate_ack);
        }
        if !carriage.duplicate {
            self.classify(side, client, tcp, now_ns, carriage);
        }
        self.closing |= tcp.has(flags::FIN | flags::RST);
    }

    fn classify(&mut self, side: usize, client: usize, tcp: &Tcp, now_ns: i64, carriage: Carriage) {
        if tcp.has(CONTROL) {
            self.control(side, tcp, now_ns);
        }
        self.handshake.observe(side, tcp, now_ns);
        let around = self.around(side);
        let due = self.directions[1 - side].due(tcp, now_ns);
        let overdue = due.is_some_and(|due| due.was_lost_before(now_ns, around.sender_ns.unwrap_or(0), around.path_ns()));
        let content = self.directions[side].segment(tcp, now_ns, carriage, overdue, around);
        if carriage.fragmented {
            self.directions[side].lose_track();
        }
        self.directions[side].advertise(tcp, now_ns);
        if self.directions[1 - side].acknowledge(tcp, now_ns) {
            self.directions[side].miss(now_ns);
        }
        if content == Content::New {
            let network_ns = self.handshake.server_ns().unwrap_or(0) as i64;
            self.dialogue.say(side == client, now_ns, network_ns);
        }
        if tcp.has(flags::FIN | flags::RST) {
            self.finished |= tcp.has(flags::FIN);
            if side != client {
                self.dialogue.finish();
            }
        }
    }

    /// A segment with SYN, FIN or RST, before it is judged.
    fn control(&mut self, side: usize, tcp: &Tcp, now_ns: i64) {
        if self.is_other(side, tcp) {
            self.restart(now_ns);
        }
        if tcp.has(flags::SYN) {
            self.first_sequence[side] = Some(tcp.seq);
            if let Some(shifts) = self.offers.observe(side, tcp) {
                self.directions[0].scale_receiver(shifts[1]);
                self.directions[1].scale_receiver(shifts[0]);
            }
        }
        if tcp.has(flags::RST) {
            let classes = self.directions[side].count();
            classes.rst_handshake += u64::from(self.handshake.is_open());
            classes.rst_after_fin += u64::from(self.finished);
        }
    }

    fn restart(&mut self, now_ns: i64) {
        for direction in &mut self.directions {
            direction.restart(now_ns);
        }
        self.handshake.restart();
        self.offers = Offers::default();
        self.first_sequence = [None; 2];
        self.finished = false;
        self.dialogue.restart();
    }

    /// Segments on the wire that a host's super-segment stands for.
    #[must_use]
    pub fn pieces(&self, tcp: &Tcp, is_v6: bool) -> u32 {
        self.offers.pieces(tcp, is_v6)
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

    /// Bring times up to a cut at `until_ns`, before the counts are read; at `now_ns`, and the flow may end with it.
    pub fn settle(&mut self, until_ns: i64, now_ns: i64, ends: bool) {
        for direction in &mut self.directions {
            direction.settle_window(until_ns);
        }
        self.handshake.settle(now_ns, ends);
        if ends {
            self.dialogue.finish();
        }
    }

    /// The counts were read: begin anew, go on with the state.
    pub fn cut(&mut self, now_ns: i64) {
        for direction in &mut self.directions {
            direction.cut(now_ns);
        }
        self.handshake.cut();
        self.dialogue.cut();
    }
}
