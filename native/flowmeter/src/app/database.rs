//! Protocols of databases and payment messages: is it one, told by port and first octets, and how long did its first answer take.

use super::octets::Octets;
use super::stream::Part;
use super::Protocol;

/// A payment message's octets before its type: a length of two binary or four printed octets, five more for the TPDU.
const ISO8583_OFFSETS: [usize; 5] = [0, 2, 4, 7, 9];

/// Whether the first octets of the direction of a side may be those of the protocol that the port names.
#[must_use]
pub fn speaks(protocol: Protocol, octets: &[u8]) -> bool {
    match protocol {
        Protocol::Oracle => tns(octets),
        Protocol::Mysql => mysql(octets),
        Protocol::Postgresql => postgresql(octets),
        Protocol::Mssql => tds(octets),
        // Its protocol is not published: the port has to do.
        Protocol::Dameng => !octets.is_empty(),
        Protocol::Iso8583 => iso8583(octets),
        _ => false,
    }
}

/// Transparent Network Substrate: length (two octets, four since version 315), checksum 0, a packet type.
fn tns(octets: &[u8]) -> bool {
    let Some(&[a, b, c, d, kind, _, 0, 0]) = octets.first_chunk::<8>() else {
        return false;
    };
    let short = u32::from(u16::from_be_bytes([a, b]));
    let long = u32::from_be_bytes([a, b, c, d]);
    let plausible = (short >= 8 && c == 0 && d == 0) || (8..1 << 21).contains(&long);
    plausible && (1..=14).contains(&kind)
}

/// A packet header (length, number), then the server's greeting or the client's login.
fn mysql(octets: &[u8]) -> bool {
    let Some(&[a, b, c, number, first]) = octets.first_chunk::<5>() else {
        return false;
    };
    let length = u32::from_le_bytes([a, b, c, 0]);
    (4..1 << 20).contains(&length) && ((number == 0 && matches!(first, 9 | 10 | 0xff)) || number <= 2)
}

/// A startup message with its version or one of the requests that have its place, or the server's answer.
fn postgresql(octets: &[u8]) -> bool {
    let mut rest = Octets::new(octets);
    if let (Some(length), Some(code)) = (rest.u32(), rest.u32()) {
        let request = matches!(code, 0x0003_0000..=0x0003_00ff | 80_877_102..=80_877_104);
        if request && (8..=10_000).contains(&length) {
            return true;
        }
    }
    let mut rest = Octets::new(octets);
    match rest.u8() {
        // Whether the server goes on with TLS.
        Some(b'S' | b'N') if octets.len() == 1 => true,
        Some(b'R' | b'E' | b'N' | b'v') => rest.u32().is_some_and(|length| (8..=30_000).contains(&length)),
        _ => false,
    }
}

/// Tabular Data Stream: packet type, status, length, channel, number, window.
fn tds(octets: &[u8]) -> bool {
    let Some(&[kind, status, high, low, ..]) = octets.first_chunk::<8>() else {
        return false;
    };
    let length = u16::from_be_bytes([high, low]);
    matches!(kind, 1..=4 | 6 | 7 | 14 | 16..=18) && status < 0x20 && (8..=32_767).contains(&length)
}

/// A message type of four digits, printed or packed: version, class, function, origin.
fn iso8583(octets: &[u8]) -> bool {
    let valid =
        |digits: [u8; 4]| matches!(digits[0], 0..=2 | 8 | 9) && (1..=8).contains(&digits[1]) && digits[2] <= 9 && digits[3] <= 5;
    ISO8583_OFFSETS.iter().any(|&at| {
        let text = octets.get(at..).unwrap_or_default();
        let printed = text
            .first_chunk::<4>()
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_digit) && valid(digits.map(|digit| digit - b'0')));
        let packed = text
            .first_chunk::<2>()
            .is_some_and(|&[a, b]| at > 0 && valid([a >> 4, a & 15, b >> 4, b & 15]));
        printed || packed
    })
}

/// The first question and its answer.
#[derive(Clone, Debug)]
pub struct Dialogue {
    client: usize,
    asked_ns: Option<i64>,
    first_response_ns: Option<u64>,
    news: bool,
}

impl Dialogue {
    /// A conversation that `client` began.
    #[must_use]
    pub const fn new(client: usize) -> Self {
        Self {
            client,
            asked_ns: None,
            first_response_ns: None,
            news: false,
        }
    }

    /// Part of the direction of `side`.
    pub fn part(&mut self, side: usize, _part: Part<'_>, now_ns: i64) {
        if side == self.client {
            self.asked_ns = Some(now_ns);
        } else if let Some(asked) = self.asked_ns {
            self.first_response_ns = Some((now_ns - asked).max(0) as u64);
            self.news = true;
        }
    }

    /// From the last octet of the first request to the first of its response; none when it was told before.
    #[must_use]
    pub fn first_response_ns(&self) -> Option<u64> {
        self.first_response_ns.filter(|_| self.news)
    }

    /// A record was cut.
    pub fn cut(&mut self) {
        self.news = false;
    }

    /// Nothing more will be learned.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.first_response_ns.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_octets_tell_the_protocols_apart() {
        let connect = [0, 58, 0, 0, 1, 0, 0, 0, 1, 57];
        let greeting = [74, 0, 0, 0, 10, b'8', b'.'];
        let startup = [0, 0, 0, 8, 0, 3, 0, 0];
        let prelogin = [0x12, 1, 0, 47, 0, 0, 1, 0];
        let payment = b"\x00\x460800";
        assert!(speaks(Protocol::Oracle, &connect) && !speaks(Protocol::Oracle, b"GET / HTTP/1.1"));
        assert!(speaks(Protocol::Mysql, &greeting) && !speaks(Protocol::Mysql, b"GET / HTTP/1.1"));
        assert!(speaks(Protocol::Postgresql, &startup) && !speaks(Protocol::Postgresql, b"GET / HTTP/1.1"));
        assert!(speaks(Protocol::Mssql, &prelogin) && !speaks(Protocol::Mssql, b"GET / HTTP/1.1"));
        assert!(speaks(Protocol::Iso8583, payment) && !speaks(Protocol::Iso8583, b"GET / HTTP/1.1"));
        assert!(speaks(Protocol::Iso8583, &[0, 20, 0x60, 0, 0, 0, 0, 0x02, 0x00]));
    }

    #[test]
    fn the_first_response_is_timed_from_the_last_part_of_the_request_and_a_greeting_is_none() {
        let mut dialogue = Dialogue::new(0);
        for (side, now) in [(1, 5), (0, 10), (0, 20), (1, 50)] {
            dialogue.part(side, Part::Octets(b"x"), now);
        }
        assert_eq!(dialogue.first_response_ns(), Some(30));
        assert!(dialogue.is_over());
    }
}
