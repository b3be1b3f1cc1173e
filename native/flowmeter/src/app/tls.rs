//! TLS over TCP: both directions in, the two hellos and the time of the handshake out. Nothing is decrypted.

use super::fingerprint::Transport;
use super::hello::{client_hello, message, server_hello, ClientHello, CLIENT_HELLO, SERVER_HELLO};
use super::stream::Part;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const RECORD_HEADER: usize = 5;
/// Largest content of a record (RFC 8446, 5.2; 2,048 more in RFC 5246).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// Octets kept of a hello.
const MAX_HELLO: usize = 1 << 14;
const TLS_1_3: u16 = 0x0304;
/// Records of early data that are waited through.
const MAX_EARLY: u8 = 64;

/// What records say of a TLS connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the client said.
    pub hello: Option<ClientHello>,
    /// Version that the server chose.
    pub version: Option<u16>,
    /// From the client's first hello to the end of the handshake.
    pub handshake_ns: Option<u64>,
}

/// Whether the octets begin a record that begins a handshake.
#[must_use]
pub fn is_hello(octets: &[u8]) -> bool {
    matches!(
        octets,
        [HANDSHAKE, 3, 0..=4, _, _, CLIENT_HELLO | SERVER_HELLO, ..] | [HANDSHAKE, 3, 0..=4, _, _]
    )
}

/// One connection up to the end of its handshake.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    records: [Records; 2],
    client: Option<usize>,
    hello_ns: Option<i64>,
    /// Both sides must announce encryption before TLS 1.3.
    announced: [bool; 2],
    facts: Facts,
    early: u8,
    news: bool,
    done: bool,
}

/// Where one direction stands.
#[derive(Clone, Debug, Default)]
struct Records {
    header: [u8; RECORD_HEADER],
    have: usize,
    left: usize,
    hello: Vec<u8>,
    /// The hello was read, or cannot be.
    hello_over: bool,
}

impl Dialogue {
    /// Part of the direction of `side`.
    pub fn part(&mut self, side: usize, part: Part<'_>, now_ns: i64) {
        let mut rest = match part {
            Part::Octets(octets) => octets,
            Part::Missing(count) => {
                let records = &mut self.records[side];
                records.hello_over = true;
                if records.left < count as usize {
                    self.done = true;
                } else {
                    records.left -= count as usize;
                }
                return;
            }
        };
        while !self.done && !rest.is_empty() {
            let records = &mut self.records[side];
            if records.left == 0 {
                let (part, tail) = rest.split_at((RECORD_HEADER - records.have).min(rest.len()));
                records.header[records.have..records.have + part.len()].copy_from_slice(part);
                records.have += part.len();
                rest = tail;
                if records.have == RECORD_HEADER {
                    self.begin_record(side, now_ns);
                }
                continue;
            }
            let (part, tail) = rest.split_at(records.left.min(rest.len()));
            rest = tail;
            records.left -= part.len();
            if records.header[0] == HANDSHAKE && !records.hello_over {
                self.handshake(side, part, now_ns);
            }
        }
    }

    fn begin_record(&mut self, side: usize, now_ns: i64) {
        let records = &mut self.records[side];
        let [kind, major, _, high, low] = records.header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        (records.have, records.left) = (0, length);
        if major != 3 || length > MAX_RECORD || !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA + 1).contains(&kind) {
            self.done = true;
            return;
        }
        let by_client = self.client == Some(side);
        match kind {
            CHANGE_CIPHER_SPEC => {
                self.announced[side] = true;
                if self.announced == [true; 2] && self.facts.version.is_some_and(|version| version < TLS_1_3) {
                    self.finish(now_ns);
                }
            }
            // The client's answer to the server's hello in TLS 1.3; what it sent before that hello was early data.
            APPLICATION_DATA if by_client && self.facts.version.is_some_and(|version| version >= TLS_1_3) => self.finish(now_ns),
            // Data before TLS 1.3, or a server's without its hello, or too much of it: the handshake passed unseen.
            APPLICATION_DATA if self.facts.version.is_none_or(|version| version < TLS_1_3) => {
                self.early += 1;
                self.done = self.facts.version.is_some() || !by_client || self.early == MAX_EARLY;
            }
            _ => {}
        }
    }

    fn finish(&mut self, now_ns: i64) {
        self.facts.handshake_ns = self.hello_ns.map(|began| (now_ns - began).max(0) as u64);
        (self.news, self.done) = (true, true);
    }

    fn handshake(&mut self, side: usize, part: &[u8], now_ns: i64) {
        let records = &mut self.records[side];
        if records.hello.is_empty() && part.first() == Some(&CLIENT_HELLO) {
            self.client.get_or_insert(side);
            self.hello_ns.get_or_insert(now_ns);
        }
        records.hello.extend_from_slice(part);
        if !matches!(records.hello.first(), Some(&(CLIENT_HELLO | SERVER_HELLO))) || records.hello.len() > MAX_HELLO {
            (records.hello_over, records.hello) = (true, Vec::new());
            return;
        }
        let Some((kind, body)) = message(&records.hello) else {
            return;
        };
        let mut again = false;
        if kind == CLIENT_HELLO {
            // A second one, after a retry, offers what is left of the first: that one tells more.
            if self.facts.hello.is_none() {
                self.facts.hello = client_hello(body, Transport::Tcp);
            }
        } else if let Some(hello) = server_hello(body) {
            self.facts.version = Some(hello.version);
            again = hello.retry;
        }
        self.news = true;
        (records.hello_over, records.hello) = (!again, Vec::new());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut octets = vec![kind, 3, 3];
        octets.extend_from_slice(&(content.len() as u16).to_be_bytes());
        octets.extend_from_slice(content);
        octets
    }

    fn hello(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut octets = vec![kind, 0, 0, body.len() as u8];
        octets.extend_from_slice(body);
        record(HANDSHAKE, &octets)
    }

    fn client() -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0, 0, 14, 0, 0, 0, 10, 0, 8, 0, 0, 5]);
        body.extend_from_slice(b"a.org");
        hello(CLIENT_HELLO, &body)
    }

    fn server(version: u16, random: u8) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend_from_slice(&[random; 32]);
        body.extend_from_slice(&[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2]);
        body.extend_from_slice(&version.to_be_bytes());
        hello(SERVER_HELLO, &body)
    }

    #[test]
    fn a_handshake_of_1_3_ends_with_the_clients_first_encrypted_record_after_the_servers_hello() {
        let mut dialogue = Dialogue::default();
        dialogue.part(0, Part::Octets(&client()), 100);
        dialogue.part(0, Part::Octets(&record(APPLICATION_DATA, b"early")), 150);
        dialogue.part(1, Part::Octets(&server(0x0304, 1)), 200);
        dialogue.part(1, Part::Octets(&record(APPLICATION_DATA, &[0; 600])), 250);
        dialogue.part(0, Part::Octets(&record(CHANGE_CIPHER_SPEC, &[1])), 300);
        assert!(!dialogue.is_over());
        dialogue.part(0, Part::Octets(&record(APPLICATION_DATA, &[0; 60])), 300);
        let facts = dialogue.facts().unwrap();
        assert_eq!((facts.version, facts.handshake_ns), (Some(0x0304), Some(200)));
        assert_eq!(facts.hello.as_ref().unwrap().sni.as_deref(), Some("a.org"));
        assert!(dialogue.is_over());
    }

    #[test]
    fn before_1_3_it_ends_when_both_sides_have_changed_the_cipher_wherever_segments_end() {
        let mut both = server(0x0303, 1);
        both.extend_from_slice(&record(HANDSHAKE, &[11; 3000]));
        both.extend_from_slice(&record(CHANGE_CIPHER_SPEC, &[1]));
        for step in [1, 2, 7, 1460, 5000] {
            let mut dialogue = Dialogue::default();
            for part in client().chunks(step) {
                dialogue.part(0, Part::Octets(part), 10);
            }
            dialogue.part(0, Part::Octets(&record(CHANGE_CIPHER_SPEC, &[1])), 20);
            for part in both.chunks(step) {
                dialogue.part(1, Part::Octets(part), 35);
            }
            assert_eq!(dialogue.facts().unwrap().handshake_ns, Some(25), "{step}");
        }
    }

    #[test]
    fn what_is_missing_within_a_record_is_skipped_and_beyond_it_ends_the_reading() {
        let mut dialogue = Dialogue::default();
        dialogue.part(0, Part::Octets(&client()), 10);
        dialogue.part(1, Part::Octets(&server(0x0303, 1)), 20);
        dialogue.part(1, Part::Octets(&record(HANDSHAKE, &[11; 900])[..100]), 20);
        dialogue.part(1, Part::Missing(805), 20);
        assert!(!dialogue.is_over());
        dialogue.part(1, Part::Missing(1), 20);
        assert!(dialogue.is_over());
    }
}
