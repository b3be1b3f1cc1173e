//! NTP (RFC 5905): client and server packets in, time to the answer out.

use super::exchange::{Exchange, Waiting};

const PACKET: usize = 48;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// The requests and answers of one flow: each is known by the time its sender wrote into it.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    waiting: Waiting<[u8; 8]>,
}

struct Packet {
    mode: u8,
    originate: [u8; 8],
    transmit: [u8; 8],
}

/// Whether this is a client's or server's packet.
#[must_use]
pub fn is_packet(octets: &[u8]) -> bool {
    read(octets).is_some()
}

fn read(octets: &[u8]) -> Option<Packet> {
    let fixed = octets.first_chunk::<PACKET>()?;
    let (version, mode) = (fixed[0] >> 3 & 7, fixed[0] & 7);
    let time = |at: usize| std::array::from_fn(|octet| fixed[at + octet]);
    ((1..=4).contains(&version) && matches!(mode, CLIENT | SERVER)).then(|| Packet {
        mode,
        originate: time(24),
        transmit: time(40),
    })
}

impl Dialogue {
    /// A datagram.
    pub fn datagram(&mut self, octets: &[u8], now_ns: i64, exchange: &mut Exchange) {
        let Some(packet) = read(octets) else { return };
        if packet.mode == CLIENT {
            let sent = packet.transmit;
            self.waiting.ask(sent, now_ns, |asked| *asked == sent, exchange);
        } else if let Some((_, latency)) = self.waiting.answer(now_ns, |asked| *asked == packet.originate) {
            exchange.responses.add(latency as i64);
        }
    }

    /// Before a cut.
    pub fn settle(&mut self, now_ns: i64, ending: bool, exchange: &mut Exchange) {
        self.waiting.settle(now_ns, ending, exchange);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_belongs_to_the_request_whose_time_it_repeats() {
        let (mut dialogue, mut exchange) = (Dialogue::default(), Exchange::default());
        let mut request = [0; 48];
        (request[0], request[40]) = (0x23, 7);
        let mut answer = [0; 48];
        (answer[0], answer[24]) = (0x24, 7);
        dialogue.datagram(&request, 100, &mut exchange);
        dialogue.datagram(&answer, 350, &mut exchange);
        dialogue.datagram(&answer, 400, &mut exchange);
        assert_eq!(
            (exchange.requests, exchange.responses.n(), exchange.responses.max()),
            (1, 1, 250)
        );
        assert!(!is_packet(&[0x23; 47]));
    }
}
