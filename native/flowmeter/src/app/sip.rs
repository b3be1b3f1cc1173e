//! SIP (RFC 3261): messages in, the method, the status and the time to the first response out.

use super::exchange::{Exchange, Waiting};

const METHODS: [&str; 14] = [
    "INVITE",
    "REGISTER",
    "OPTIONS",
    "BYE",
    "CANCEL",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "REFER",
    "INFO",
    "UPDATE",
    "PRACK",
    "PUBLISH",
    "ACK",
];
/// Octets of a message that are looked at.
const MAX_HEAD: usize = 4096;

/// What a record says: one request, the first of the record that was answered, else the first that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Method.
    pub method: &'static str,
    /// Status of the first response.
    pub status: Option<u16>,
    /// From request to first response.
    pub latency_ns: Option<u64>,
}

/// A transaction within a flow: the call, the number and the method of its `CSeq`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Transaction {
    call: Vec<u8>,
    sequence: Vec<u8>,
    method: &'static str,
}

/// The requests and responses of one flow.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    waiting: Waiting<Transaction>,
    facts: Option<Facts>,
}

/// Whether a message begins here.
#[must_use]
pub fn is_message(octets: &[u8]) -> bool {
    status(octets).is_some() || is_request(octets)
}

fn is_request(octets: &[u8]) -> bool {
    let line = octets
        .split(|&octet| octet == b'\r' || octet == b'\n')
        .next()
        .unwrap_or_default();
    line.ends_with(b" SIP/2.0") && METHODS.iter().any(|method| line.starts_with(method.as_bytes()))
}

fn status(octets: &[u8]) -> Option<u16> {
    let digits = octets.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (100..700).contains(&number).then_some(number)
}

/// The transaction of a message: `Call-ID` (or `i`) and `CSeq`.
fn transaction(octets: &[u8]) -> Option<Transaction> {
    let head = &octets[..octets.len().min(MAX_HEAD)];
    let (mut call, mut sequence) = (None, None);
    for line in head.split(|&octet| octet == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&octet| octet == b':') else {
            break; // the empty line before the body
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            call = Some(value);
        } else if name.eq_ignore_ascii_case(b"cseq") {
            sequence = Some(value);
        }
    }
    let sequence = sequence?;
    let space = sequence.iter().position(|&octet| octet == b' ')?;
    let (number, method) = (&sequence[..space], sequence[space..].trim_ascii());
    Some(Transaction {
        call: call?.to_vec(),
        sequence: number.to_vec(),
        method: METHODS.into_iter().find(|known| known.as_bytes() == method)?,
    })
}

impl Dialogue {
    /// A datagram, or the octets of a segment in which a message begins.
    pub fn message(&mut self, octets: &[u8], now_ns: i64, exchange: &mut Exchange) {
        let status = status(octets);
        if status.is_none() && !is_request(octets) {
            return;
        }
        let Some(this) = transaction(octets) else { return };
        let same = |asked: &Transaction| *asked == this;
        if let Some(status) = status {
            let Some((asked, latency_ns)) = self.waiting.answer(now_ns, same) else {
                return;
            };
            exchange.responses.add(latency_ns as i64);
            exchange.errors += u64::from((500..600).contains(&status));
            self.facts.get_or_insert(Facts {
                method: asked.method,
                status: Some(status),
                latency_ns: Some(latency_ns),
            });
        } else if this.method != "ACK" {
            // An ACK has no answer.
            self.waiting.ask(this.clone(), now_ns, same, exchange);
        }
    }

    /// Before a cut.
    pub fn settle(&mut self, now_ns: i64, ending: bool, exchange: &mut Exchange) {
        if let (None, Some(asked)) = (&self.facts, self.waiting.first()) {
            self.facts = Some(Facts {
                method: asked.method,
                status: None,
                latency_ns: None,
            });
        }
        self.waiting.settle(now_ns, ending, exchange);
    }

    /// What the record says.
    #[must_use]
    pub const fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    /// A record was cut.
    pub fn cut(&mut self) {
        self.facts = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_response_to_a_request_is_timed_and_a_repeat_of_it_is_not() {
        let (mut dialogue, mut exchange) = (Dialogue::default(), Exchange::default());
        let invite = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\n\r\n";
        let trying = b"SIP/2.0 100 Trying\r\ni: x@y\r\nCSeq: 7 INVITE\r\n\r\n";
        let busy = b"SIP/2.0 486 Busy\r\ni: x@y\r\nCSeq: 7 INVITE\r\n\r\n";
        dialogue.message(invite, 10, &mut exchange);
        dialogue.message(trying, 30, &mut exchange);
        dialogue.message(busy, 90, &mut exchange);
        let facts = dialogue.facts().unwrap();
        assert_eq!(
            (facts.method, facts.status, facts.latency_ns),
            ("INVITE", Some(100), Some(20))
        );
        assert_eq!((exchange.requests, exchange.responses.n()), (1, 1));
    }

    #[test]
    fn text_that_is_no_sip_is_none() {
        assert!(!is_message(b"OPTIONS / HTTP/1.1\r\n"));
        assert!(!is_message(b"SIP/2.0 999 x"));
        assert!(!is_message(b""));
    }
}
