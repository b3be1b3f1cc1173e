//! The three packets that open a connection, and the round-trip times between them and the observation point.

use crate::packet::{flags, Tcp};
use crate::tcp::seq::after;

/// A SYN without an answer for so long has none: TCP itself sends the next one then (RFC 6298, 2.1).
const UNANSWERED_NS: i64 = 1_000_000_000;

/// Times of one handshake; a time is there once both of its packets were seen.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // the facts are independent of one another
pub struct Handshake {
    client: Option<u8>,
    first_syn_ns: Option<i64>,
    last_syn_ns: Option<i64>,
    syn_ack_ns: Option<i64>,
    server_next: u32,
    done: bool,
    ambiguous: bool,
    server_ns: Option<u64>,
    client_ns: Option<u64>,
    setup_ns: Option<u64>,
    news: bool,
    waiting: bool,
    acknowledged: bool,
    /// SYNs that nothing answered, since the last cut.
    pub unanswered: u64,
    /// SYNs that were answered by a RST, since the last cut.
    pub refused: u64,
}

/// What a record says of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// SYN-ACK minus last SYN.
    pub server_ns: Option<u64>,
    /// ACK minus SYN-ACK.
    pub client_ns: Option<u64>,
    /// ACK minus first SYN.
    pub setup_ns: Option<u64>,
    /// A SYN or SYN-ACK was repeated, or captured out of order.
    pub ambiguous: bool,
}

impl Handshake {
    /// Round trip to the server, for as long as the connection lives.
    #[must_use]
    pub const fn server_ns(&self) -> Option<u64> {
        self.server_ns
    }

    /// Round trips from the observation point to the ends of `side` and of the other one.
    #[must_use]
    pub fn around(&self, side: usize) -> (Option<i64>, Option<i64>) {
        let (client, server) = (self.client_ns.map(|ns| ns as i64), self.server_ns.map(|ns| ns as i64));
        match self.client {
            Some(found) if usize::from(found) == side => (client, server),
            Some(_) => (server, client),
            None => (None, None),
        }
    }

    /// What is new since the last cut.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        let report = Report {
            server_ns: self.server_ns,
            client_ns: self.client_ns,
            setup_ns: self.setup_ns,
            ambiguous: self.ambiguous,
        };
        self.news.then_some(report)
    }

    /// Whether it has begun and is not through.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.client.is_some() && !self.acknowledged
    }

    /// Before the counts are read: a SYN that will have no answer any more, because it waited for too long or its flow ends.
    pub fn settle(&mut self, now_ns: i64, ends: bool) {
        if self.waiting && (ends || self.last_syn_ns.is_some_and(|syn| now_ns - syn >= UNANSWERED_NS)) {
            self.unanswered += 1;
            self.waiting = false;
        }
    }

    /// Another connection begins: keep the counts.
    pub fn restart(&mut self) {
        *self = Self {
            unanswered: self.unanswered + u64::from(self.waiting),
            refused: self.refused,
            ..Self::default()
        };
    }

    /// A record was cut: nothing is told twice, except what only the completed handshake says.
    pub fn cut(&mut self) {
        self.news = false;
        (self.unanswered, self.refused) = (0, 0);
    }

    /// A packet of `side`, in the order of capture.
    pub fn observe(&mut self, side: usize, tcp: &Tcp, now_ns: i64) {
        if self.done {
            return;
        }
        if tcp.has(flags::RST) {
            let by_client = self.client == Some(side as u8);
            let count = if by_client { &mut self.unanswered } else { &mut self.refused };
            *count += u64::from(self.waiting);
            self.waiting = false;
            return;
        }
        match (tcp.has(flags::SYN), tcp.has(flags::ACK)) {
            (true, false) => self.syn(side, now_ns),
            (true, true) => self.syn_ack(side, tcp, now_ns),
            (false, true) => self.ack(side, tcp, now_ns),
            (false, false) => {}
        }
    }

    fn syn(&mut self, side: usize, now_ns: i64) {
        if *self.client.get_or_insert(side as u8) != side as u8 {
            return;
        }
        self.ambiguous |= self.first_syn_ns.is_some();
        self.unanswered += u64::from(self.waiting);
        self.waiting = true;
        self.first_syn_ns.get_or_insert(now_ns);
        self.last_syn_ns = Some(now_ns);
    }

    fn syn_ack(&mut self, side: usize, tcp: &Tcp, now_ns: i64) {
        if *self.client.get_or_insert(1 - side as u8) == side as u8 {
            return;
        }
        self.waiting = false;
        let repeated = self.syn_ack_ns.replace(now_ns);
        self.ambiguous |= repeated.is_some();
        self.server_next = tcp.seq.wrapping_add(1);
        // The first answer to the last SYN: a repeated one waited for a timeout, not for the path.
        let answered = repeated.is_some_and(|before| self.last_syn_ns.is_some_and(|syn| before >= syn));
        if let (Some(syn), false) = (self.last_syn_ns, answered) {
            self.server_ns = Some((now_ns - syn).max(0) as u64);
            self.news = true;
        }
    }

    fn ack(&mut self, side: usize, tcp: &Tcp, now_ns: i64) {
        if self.client != Some(side as u8) {
            return;
        }
        self.waiting = false;
        self.acknowledged = true;
        let Some(syn_ack) = self.syn_ack_ns else {
            // It answers what was not seen yet: the capture is out of order, and so are its times.
            self.ambiguous = true;
            return;
        };
        if after(self.server_next, tcp.ack) {
            return;
        }
        self.client_ns = Some((now_ns - syn_ack).max(0) as u64);
        self.setup_ns = self.first_syn_ns.map(|syn| (now_ns - syn).max(0) as u64);
        self.done = true;
        self.news = true;
    }
}
