//! HTTP/1 (RFC 9112): segments of both directions in order go in, host, method, status and time to the response come out.
//!
//! A message is recognised where a segment begins with its first line, so that bodies need not be followed; requests that stand
//! behind one another in a segment count as one.

use std::collections::VecDeque;

use super::exchange::Exchange;
use super::octets::printable;

/// Octets of a message's head that are kept until the head is whole.
const MAX_HEAD: usize = 8 << 10;
/// Requests sent ahead of their responses.
const MAX_AHEAD: usize = 16;
const MAX_HOST: usize = 255;
/// A request without a body has been sent wholly once its head has ended.
const METHODS: [&str; 9] = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];

/// What a record says: one request, the first of the record that was answered, else the first that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Method.
    pub method: &'static str,
    /// Host of the request, if it has one.
    pub host: Option<String>,
    /// Status, once answered.
    pub status: Option<u16>,
    /// From the last octet of the request to the first of the response.
    pub latency_ns: Option<u64>,
}

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    host: Option<String>,
    last_ns: i64,
}

/// The requests and responses of one connection.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    head: Option<(usize, Vec<u8>, i64)>,
    waiting: VecDeque<Request>,
    /// Side that sent the request whose body may still come.
    asking: Option<usize>,
    facts: Option<Facts>,
    over: bool,
}

/// The method with which a request begins.
#[must_use]
pub fn method(octets: &[u8]) -> Option<&'static str> {
    let found = METHODS.into_iter().find(|method| octets.starts_with(method.as_bytes()))?;
    (octets.get(found.len()) == Some(&b' ')).then_some(found)
}

/// Whether a response begins here.
#[must_use]
pub fn is_response(octets: &[u8]) -> bool {
    octets.starts_with(b"HTTP/1.")
}

impl Dialogue {
    /// Octets of the direction of `side`, as they came in a segment.
    pub fn octets(&mut self, side: usize, octets: &[u8], now_ns: i64, exchange: &mut Exchange) {
        if self.head.as_ref().is_some_and(|(of, _, _)| *of == side) {
            self.go_on(side, octets, now_ns, exchange);
        } else if matches!(octets.first(), Some(b'A'..=b'Z')) && (method(octets).is_some() || is_response(octets)) {
            self.head = Some((side, Vec::new(), now_ns));
            self.go_on(side, octets, now_ns, exchange);
        } else if self.asking == Some(side) {
            // The body of a request.
            if let Some(request) = self.waiting.back_mut() {
                request.last_ns = now_ns;
            }
        }
    }

    /// Octets of a direction are missing.
    pub fn missing(&mut self, side: usize) {
        if self.head.as_ref().is_some_and(|(of, _, _)| *of == side) {
            self.head = None;
        }
    }

    fn go_on(&mut self, side: usize, octets: &[u8], now_ns: i64, exchange: &mut Exchange) {
        let Some((_, mut head, began_ns)) = self.head.take() else {
            return;
        };
        // The end of the head may straddle two segments.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(&octets[..octets.len().min(MAX_HEAD - head.len())]);
        let whole = ends(&head[from..]) || head.len() == MAX_HEAD;
        if is_response(&head) {
            // Its first line is all that matters.
            if let Some(status) = status(&head) {
                self.response(status, began_ns, exchange);
                return;
            }
        } else if let (true, Some(method)) = (whole, method(&head)) {
            self.request(side, method, host(&head), now_ns, exchange);
            return;
        }
        if !whole {
            self.head = Some((side, head, began_ns));
        }
    }

    fn request(&mut self, side: usize, method: &'static str, host: Option<String>, now_ns: i64, exchange: &mut Exchange) {
        exchange.requests += 1;
        self.asking = Some(side);
        if self.waiting.len() == MAX_AHEAD {
            self.waiting.pop_front();
            exchange.unanswered += 1;
        }
        self.waiting.push_back(Request {
            method,
            host,
            last_ns: now_ns,
        });
    }

    fn response(&mut self, status: u16, began_ns: i64, exchange: &mut Exchange) {
        // 101 hands the connection over to another protocol; the others below 200 announce the response.
        if status < 200 && status != 101 {
            return;
        }
        let Some(request) = self.waiting.pop_front() else {
            return;
        };
        self.asking = None;
        exchange.errors += u64::from(status >= 500);
        self.over = status == 101 || (request.method == "CONNECT" && status < 300);
        self.facts.get_or_insert(Facts {
            method: request.method,
            host: request.host,
            status: Some(status),
            latency_ns: Some((began_ns - request.last_ns).max(0) as u64),
        });
    }

    /// Before a cut: a request that waits is told; at the end of the flow it is unanswered.
    pub fn settle(&mut self, ending: bool, exchange: &mut Exchange) {
        if let (None, Some(request)) = (&self.facts, self.waiting.front()) {
            self.facts = Some(Facts {
                method: request.method,
                host: request.host.clone(),
                status: None,
                latency_ns: None,
            });
        }
        if ending {
            exchange.unanswered += self.waiting.len() as u64;
            self.waiting.clear();
        }
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

    /// What follows is not HTTP.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }
}

fn ends(octets: &[u8]) -> bool {
    octets.windows(4).any(|four| four == b"\r\n\r\n") || octets.windows(2).any(|two| two == b"\n\n")
}

/// The number in `HTTP/1.x NNN`.
fn status(head: &[u8]) -> Option<u16> {
    let digits = head.get(9..12)?;
    let number = std::str::from_utf8(digits).ok()?.trim().parse().ok()?;
    (100..1000).contains(&number).then_some(number)
}

/// The value of the field `Host`, without spaces around it.
fn host(head: &[u8]) -> Option<String> {
    let lines = head.split(|&octet| octet == b'\n').skip(1);
    for line in lines.take_while(|line| !matches!(line, [] | [b'\r'])) {
        let Some((name, value)) = line.split_at_checked(5) else {
            continue;
        };
        if name.eq_ignore_ascii_case(b"host:") {
            let value = value.trim_ascii();
            return (!value.is_empty()).then(|| printable(value, MAX_HOST));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(turns: &[(usize, &str, i64)]) -> (Dialogue, Exchange) {
        let (mut dialogue, mut exchange) = (Dialogue::default(), Exchange::default());
        for (side, text, now) in turns {
            dialogue.octets(*side, text.as_bytes(), *now, &mut exchange);
        }
        (dialogue, exchange)
    }

    #[test]
    fn a_response_is_timed_from_the_last_octet_of_its_request() {
        let (dialogue, exchange) = talk(&[
            (0, "POST /pay HTTP/1.1\r\nHost: bank.ex", 10),
            (0, "ample \r\nContent-Length: 4\r\n\r\n", 20),
            (1, "HTTP/1.1 100 Continue\r\n\r\n", 25),
            (0, "body", 30),
            (1, "HTTP/1.1 503 Busy\r\n\r\n", 70),
        ]);
        let facts = dialogue.facts().unwrap();
        assert_eq!((facts.method, facts.host.as_deref()), ("POST", Some("bank.example")));
        assert_eq!((facts.status, facts.latency_ns), (Some(503), Some(40)));
        assert_eq!((exchange.requests, exchange.errors), (1, 1));
    }

    #[test]
    fn requests_sent_ahead_are_answered_in_their_order() {
        let (mut dialogue, mut exchange) = talk(&[
            (0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 10),
            (0, "HEAD / HTTP/1.0\r\n\r\n", 11),
            (1, "HTTP/1.1 200 OK\r\n\r\n", 12),
        ]);
        assert_eq!(dialogue.facts().map(|facts| facts.method), Some("GET"));
        dialogue.cut();
        dialogue.settle(true, &mut exchange);
        assert_eq!(
            dialogue.facts().map(|facts| (facts.method, facts.status)),
            Some(("HEAD", None))
        );
        assert_eq!(exchange.unanswered, 1);
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let long = "GET / HTTP/1.1\r\nX: ".to_owned() + &"y".repeat(2 * MAX_HEAD);
        let (dialogue, exchange) = talk(&[(0, &long, 1)]);
        assert!(dialogue.head.is_none());
        assert_eq!(exchange.requests, 1);
    }
}
