//! QUIC v1 and v2 (RFC 9000, 9001, 9369): datagrams in, the client's hello and the times of the handshake out.
//!
//! The keys of Initial packets follow from what is in the clear, so the hello can be read by anyone; nothing else is decrypted.

use super::fingerprint::Transport;
use super::hello::{client_hello, message, ClientHello, CLIENT_HELLO};
use super::initial::{open, ClientKeys, Version};
use super::octets::Octets;

const LONG: u8 = 0x80;
const FIXED: u8 = 0x40;
const MAX_CID: usize = 20;
/// Octets of the hello that are put together.
const MAX_HELLO: usize = 1 << 14;
/// Initial packets of one flow that are opened: a hello of many pieces, sent twice.
const MAX_OPENED: u8 = 16;
/// Datagrams after which a handshake that is not over never will be.
const MAX_DATAGRAMS: u16 = 400;

/// What records say of a QUIC connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the client said.
    pub hello: Option<ClientHello>,
    /// The server's first packet minus the client's first one.
    pub rtt_server_ns: Option<u64>,
    /// The client's next packet minus the server's first one.
    pub rtt_client_ns: Option<u64>,
    /// The client began anew before the server answered, or was told to (Retry): the times cannot be told exactly.
    pub ambiguous: bool,
    /// From the client's first packet to its first under the final keys.
    pub handshake_ns: Option<u64>,
}

/// Kinds of long-header packets, the same for both versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
}

/// A long-header packet: where its parts are.
struct Long<'a> {
    version: Version,
    kind: Kind,
    destination: &'a [u8],
    /// From the first octet of the packet to its packet number.
    header_octets: usize,
    /// Packet number and payload.
    length: usize,
}

/// One connection up to the end of its handshake.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    client: Option<usize>,
    keys: Option<Box<ClientKeys>>,
    began_ns: Option<i64>,
    answered_ns: Option<i64>,
    hello: Vec<u8>,
    /// Ranges of the hello that are there, in order.
    covered: Vec<(usize, usize)>,
    opened: u8,
    datagrams: u16,
    facts: Facts,
    news: bool,
    done: bool,
}

/// Whether a client may begin a connection with these octets.
#[must_use]
pub fn is_initial(octets: &[u8]) -> bool {
    // A client fills its first datagram up (RFC 9000, 14.1), but captures may be cut.
    long(octets, octets.len()).is_some_and(|packet| packet.kind == Kind::Initial)
}

impl Dialogue {
    /// A datagram of `side`; `wire` is the length it had before it was captured.
    pub fn datagram(&mut self, side: usize, octets: &[u8], wire: usize, now_ns: i64) {
        self.datagrams += 1;
        let client = *self.client.get_or_insert(side);
        let by_client = client == side;
        let (mut rest, mut wire) = (octets, wire.max(octets.len()));
        let mut initial = false;
        while let Some(&first) = rest.first() {
            if first & LONG == 0 {
                if first & FIXED != 0 && by_client && self.answered_ns.is_some() {
                    self.finish(now_ns);
                }
                break;
            }
            let Some(packet) = long(rest, wire) else { break };
            match packet.kind {
                Kind::Initial if by_client => {
                    initial = true;
                    self.read_initial(&packet, rest, now_ns);
                }
                Kind::Retry if !by_client => {
                    // The client begins anew with what it is given.
                    (self.keys, self.facts.ambiguous) = (None, true);
                    return;
                }
                _ => {}
            }
            let whole = packet.header_octets + packet.length;
            rest = rest.get(whole..).unwrap_or_default();
            wire = wire.saturating_sub(whole);
        }
        self.time(by_client, initial, now_ns);
        self.done |= self.datagrams == MAX_DATAGRAMS;
    }

    fn time(&mut self, by_client: bool, initial: bool, now_ns: i64) {
        match (by_client, self.began_ns, self.answered_ns) {
            (true, None, _) => self.began_ns = Some(now_ns),
            // A hello in several datagrams goes out at once; later it is a repeat.
            (true, Some(began), None) => self.facts.ambiguous |= initial && now_ns - began > 50_000_000,
            (false, Some(began), None) => {
                self.answered_ns = Some(now_ns);
                self.facts.rtt_server_ns = Some((now_ns - began).max(0) as u64);
                self.news = true;
            }
            (true, Some(_), Some(answered)) if self.facts.rtt_client_ns.is_none() => {
                self.facts.rtt_client_ns = Some((now_ns - answered).max(0) as u64);
                self.news = true;
            }
            _ => {}
        }
    }

    fn finish(&mut self, now_ns: i64) {
        self.facts.handshake_ns = self.began_ns.map(|began| (now_ns - began).max(0) as u64);
        if let (None, Some(answered)) = (self.facts.rtt_client_ns, self.answered_ns) {
            self.facts.rtt_client_ns = Some((now_ns - answered).max(0) as u64);
        }
        (self.news, self.done) = (true, true);
    }

    fn read_initial(&mut self, packet: &Long<'_>, octets: &[u8], now_ns: i64) {
        self.began_ns.get_or_insert(now_ns);
        if self.facts.hello.is_some() || self.opened >= MAX_OPENED {
            return;
        }
        self.opened += 1;
        let keys = self
            .keys
            .get_or_insert_with(|| Box::new(ClientKeys::new(packet.version, packet.destination)));
        let Some(sealed) = octets.get(..packet.header_octets + packet.length) else {
            return;
        };
        let Some(frames) = open(keys, sealed, packet.header_octets) else {
            return;
        };
        // A frame that cannot be read ends the packet.
        let _ = self.frames(&frames);
        let Some(&(0, end)) = self.covered.first() else {
            return;
        };
        let Some((CLIENT_HELLO, body)) = message(&self.hello[..end]) else {
            return;
        };
        self.facts.hello = client_hello(body, Transport::Quic);
        self.news |= self.facts.hello.is_some();
        (self.hello, self.covered) = (Vec::new(), Vec::new());
    }

    /// The frames that a client's Initial may hold: padding, ping, acknowledgement, crypto, close.
    fn frames(&mut self, frames: &[u8]) -> Option<()> {
        let mut rest = Octets::new(frames);
        while !rest.is_empty() {
            match rest.u8()? {
                0 | 1 => {}
                kind @ (2 | 3) => {
                    rest.varint()?;
                    rest.varint()?;
                    let ranges = rest.varint()?;
                    rest.varint()?;
                    for _ in 0..ranges.min(frames.len() as u64) {
                        rest.varint()?;
                        rest.varint()?;
                    }
                    for _ in 0..if kind == 3 { 3 } else { 0 } {
                        rest.varint()?;
                    }
                }
                6 => {
                    let (offset, length) = (rest.varint()?, rest.varint()?);
                    let content = rest.take(usize::try_from(length).ok()?)?;
                    self.crypto(usize::try_from(offset).ok()?, content);
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn crypto(&mut self, offset: usize, content: &[u8]) {
        let Some(end) = offset.checked_add(content.len()).filter(|&end| end <= MAX_HELLO) else {
            return;
        };
        if content.is_empty() {
            return;
        }
        if self.hello.len() < end {
            self.hello.resize(end, 0);
        }
        self.hello[offset..end].copy_from_slice(content);
        let (mut from, mut to) = (offset, end);
        self.covered.retain(|&(start, stop)| {
            let apart = stop < from || to < start;
            if !apart {
                (from, to) = (from.min(start), to.max(stop));
            }
            apart
        });
        let at = self.covered.partition_point(|&(start, _)| start < from);
        self.covered.insert(at, (from, to));
    }

    /// What the record says; none when it is not new.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        self.news.then_some(&self.facts)
    }

    /// The client's hello, whether it is new or not.
    #[must_use]
    pub const fn hello(&self) -> Option<&ClientHello> {
        self.facts.hello.as_ref()
    }

    /// A record was cut.
    pub fn cut(&mut self) {
        self.news = false;
    }

    /// Nothing more will be learned.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.done
    }
}

/// A long-header packet of a version that is known; one with a length must fit the datagram.
fn long(octets: &[u8], wire: usize) -> Option<Long<'_>> {
    let mut rest = Octets::new(octets);
    let first = rest.u8()?;
    if first & (LONG | FIXED) != LONG | FIXED {
        return None;
    }
    let version = Version::of(rest.u32()?)?;
    let kind = match (version, first >> 4 & 3) {
        (Version::One | Version::Draft, 0) | (Version::Two, 1) => Kind::Initial,
        (Version::One | Version::Draft, 1) | (Version::Two, 2) => Kind::ZeroRtt,
        (Version::One | Version::Draft, 2) | (Version::Two, 3) => Kind::Handshake,
        _ => Kind::Retry,
    };
    let destination = rest.block8()?.rest();
    let source = rest.block8()?.rest();
    if destination.len() > MAX_CID || source.len() > MAX_CID {
        return None;
    }
    let mut packet = Long {
        version,
        kind,
        destination,
        header_octets: octets.len(),
        length: 0,
    };
    if kind == Kind::Retry {
        return Some(packet);
    }
    if kind == Kind::Initial {
        let token = rest.varint()?;
        rest.take(usize::try_from(token).ok()?)?;
    }
    packet.length = usize::try_from(rest.varint()?).ok()?;
    packet.header_octets = octets.len() - rest.rest().len();
    (packet.length >= 20 && packet.header_octets + packet.length <= wire).then_some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_the_hello_are_put_together_in_any_order() {
        let mut dialogue = Dialogue::default();
        for (offset, content) in [(6, b"gh".as_slice()), (0, b"ab"), (4, b"efg"), (1, b"bcd")] {
            dialogue.crypto(offset, content);
        }
        assert_eq!(dialogue.covered, [(0, 8)]);
        assert_eq!(dialogue.hello, b"abcdefgh");
        dialogue.crypto(usize::MAX, b"x");
        dialogue.crypto(MAX_HELLO, b"x");
        assert_eq!(dialogue.hello.len(), 8);
    }

    #[test]
    fn what_is_no_long_header_of_a_known_version_is_refused() {
        assert!(!is_initial(&[0xc0, 0, 0, 0, 9, 0, 0, 0, 20]));
        assert!(!is_initial(&[0x40; 40]));
        assert!(!is_initial(&[]));
    }
}
