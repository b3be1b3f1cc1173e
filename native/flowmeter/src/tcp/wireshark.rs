//! What Wireshark calls a segment: its sequence analysis as of 4.0 (`tcp_analyze_sequence_number`), restated.
//!
//! Segments in the order of capture go in, Wireshark's words come out. It judges every packet, mirror copies included, because
//! Wireshark does. Where the program takes 0 for "not known yet", so does this: the counts must be the same, not better.

use crate::packet::{flags, Tcp};
use crate::tcp::seq::after;

/// A fast retransmission follows the last duplicate ACK sooner than this.
const FAST_NS: u64 = 20_000_000;
/// Without a handshake RTT, what comes later than this after the highest segment is no reordering.
const OUT_OF_ORDER_NS: u64 = 3_000_000;

/// Wireshark's words for one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // the words are independent of one another
pub struct Verdict {
    /// Retransmission, fast and spurious included.
    pub retransmission: bool,
    /// Out-of-order.
    pub out_of_order: bool,
    /// Advertises a zero window.
    pub zero_window: bool,
    /// Duplicate ACK.
    pub duplicate_ack: bool,
}

#[derive(Clone, Copy, Debug)]
struct Side {
    base: Option<u32>,
    next: u32,
    contiguous: u32,
    last_ack: u32,
    window: Option<u16>,
    duplicate_acks: i32,
    ack_ns: i64,
    next_ns: i64,
    last_kept_alive: bool,
}

impl Side {
    const NEW: Self = Self {
        base: None,
        next: 0,
        contiguous: 0,
        last_ack: 0,
        window: None,
        duplicate_acks: 0,
        ack_ns: 0,
        next_ns: 0,
        last_kept_alive: false,
    };
}

/// State of one conversation, by side.
#[derive(Clone, Copy, Debug)]
pub struct Conversation {
    sides: [Side; 2],
    last_syn_ns: Option<i64>,
    first_rtt_ns: Option<u64>,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            sides: [Side::NEW; 2],
            last_syn_ns: None,
            first_rtt_ns: None,
        }
    }
}

impl Conversation {
    /// The next segment of the capture, sent by `side`.
    pub fn observe(&mut self, side: usize, tcp: &Tcp, now_ns: i64) -> Verdict {
        self.begin(side, tcp);
        let verdict = self.analyse(side, tcp, now_ns);
        match (tcp.has(flags::SYN), tcp.has(flags::ACK)) {
            (true, false) => self.last_syn_ns = Some(now_ns),
            // A difference of zero counts as not known.
            (false, true) if self.first_rtt_ns.is_none() => {
                self.first_rtt_ns = self.last_syn_ns.map(|syn| (now_ns - syn) as u64).filter(|&rtt| rtt != 0);
            }
            _ => {}
        }
        verdict
    }

    fn begin(&mut self, side: usize, tcp: &Tcp) {
        match (tcp.has(flags::SYN), tcp.has(flags::ACK)) {
            (true, false) => match self.sides[side].base {
                Some(base) if base != tcp.seq => *self = Self::default(),
                Some(_) => self.sides[side].next = self.sides[side].contiguous,
                None => {}
            },
            (true, true) if self.sides[side].base.is_some() => self.sides[side].base = Some(tcp.seq),
            _ => {}
        }
        let before_first = if tcp.has(flags::SYN) {
            tcp.seq
        } else {
            tcp.seq.wrapping_sub(1)
        };
        self.sides[side].base.get_or_insert(before_first);
        if tcp.has(flags::ACK) {
            self.sides[1 - side].base.get_or_insert(tcp.ack.wrapping_sub(1));
        }
    }

    fn analyse(&mut self, side: usize, tcp: &Tcp, now_ns: i64) -> Verdict {
        let (fwd, rev) = (self.sides[side], self.sides[1 - side]);
        let length = tcp.payload_octets;
        let control = tcp.has(flags::SYN | flags::FIN | flags::RST);
        let mut verdict = Verdict::default();
        let probe = length == 1 && tcp.seq == fwd.next && rev.window == Some(0);
        let keep_alive = !probe && length <= 1 && tcp.seq == fwd.next.wrapping_sub(1) && !control;
        if !probe && !control {
            verdict.zero_window = tcp.window == 0;
            let repeats = length == 0 && fwd.window == Some(tcp.window) && tcp.seq == fwd.next && tcp.ack == fwd.last_ack;
            verdict.duplicate_ack = repeats && tcp.window != 0 && !rev.last_kept_alive;
        }
        if verdict.duplicate_ack {
            self.sides[side].duplicate_acks = if fwd.duplicate_acks == -1 { 1 } else { fwd.duplicate_acks + 1 };
        }
        self.acknowledge(side, tcp);
        let judged = tcp.payload_octets > 0 || tcp.has(flags::SYN | flags::FIN);
        if judged && !keep_alive {
            self.judge(side, tcp, now_ns, &mut verdict);
        }
        self.advance(side, tcp, now_ns, probe);
        self.sides[side].last_kept_alive = keep_alive;
        verdict
    }

    /// Duplicate-ACK counters, and ACKs of what was not captured.
    fn acknowledge(&mut self, side: usize, tcp: &Tcp) {
        if tcp.ack != self.sides[side].last_ack {
            self.sides[side].duplicate_acks = 0;
        }
        let rev = &mut self.sides[1 - side];
        if rev.contiguous != 0 && after(tcp.ack, rev.contiguous) && tcp.has(flags::ACK) {
            if after(rev.next, rev.contiguous) {
                rev.contiguous = rev.next;
            } else {
                rev.duplicate_acks = -1;
            }
        }
    }

    fn judge(&self, side: usize, tcp: &Tcp, now_ns: i64, verdict: &mut Verdict) {
        let (fwd, rev) = (&self.sides[side], &self.sides[1 - side]);
        let length = tcp.payload_octets;
        let end = tcp.seq.wrapping_add(length);
        // More than one octet from just before the highest: new data after a probe of one octet.
        let after_probe = length > 1 && fwd.next.wrapping_sub(1) == tcp.seq;
        let old = fwd.next != 0 && after(fwd.next, tcp.seq) && !after_probe;
        if length > 0 && rev.last_ack != 0 && !after(end, rev.last_ack) {
            verdict.retransmission = true;
            return;
        }
        if !old {
            return;
        }
        let since_ack = now_ns.wrapping_sub(rev.ack_ns) as u64;
        let fast = rev.duplicate_acks >= 2 && rev.last_ack == tcp.seq && since_ack < FAST_NS;
        let since_next = now_ns.wrapping_sub(fwd.next_ns) as u64;
        let end = end.wrapping_add(u32::from(tcp.has(flags::SYN | flags::FIN)));
        if !fast && since_next < self.first_rtt_ns.unwrap_or(OUT_OF_ORDER_NS) && fwd.next != end {
            verdict.out_of_order = true;
        } else {
            verdict.retransmission = true;
        }
    }

    fn advance(&mut self, side: usize, tcp: &Tcp, now_ns: i64, probe: bool) {
        let fwd = &mut self.sides[side];
        let control = u32::from(tcp.has(flags::SYN | flags::FIN));
        let next = tcp.seq.wrapping_add(tcp.payload_octets).wrapping_add(control);
        if (after(next, fwd.next) || fwd.next == 0) && !probe {
            fwd.next = next;
            fwd.next_ns = now_ns;
        }
        if (tcp.seq == fwd.contiguous || fwd.contiguous == 0) && !probe {
            fwd.contiguous = fwd.next;
        }
        fwd.window = Some(tcp.window);
        fwd.last_ack = tcp.ack;
        fwd.ack_ns = now_ns;
    }
}
