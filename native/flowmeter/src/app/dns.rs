//! DNS (RFC 1035) over UDP and TCP: messages in, questions with their answer's code and time out.

use super::exchange::{Exchange, Waiting};
use super::octets::{put_printable, Octets};
use super::stream::Part;

const HEADER: usize = 12;
/// Longest name on the wire.
const MAX_NAME: usize = 255;
/// Pointers followed within one name.
const MAX_POINTERS: usize = 8;
/// Octets of a message over TCP that are kept: the header and one question.
const KEPT: usize = HEADER + MAX_NAME + 4;
/// NXDOMAIN is an answer, not a failure.
const NAME_ERROR: u8 = 3;

/// What a record says of DNS: one question, the first of the record that was answered, else the first that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The name asked for, as it was sent.
    pub name: String,
    /// IANA number of the type asked for.
    pub kind: u16,
    /// Response code, once answered.
    pub rcode: Option<u8>,
    /// From question to answer.
    pub latency_ns: Option<u64>,
}

#[derive(Clone, Debug)]
struct Question {
    id: u16,
    name: String,
    kind: u16,
}

/// One message, as far as it matters.
#[derive(Clone, Debug)]
struct Message {
    question: Question,
    is_response: bool,
    rcode: u8,
    /// A response need not repeat the question.
    has_question: bool,
}

/// The questions and answers of one flow.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    waiting: Waiting<Question>,
    facts: Option<Facts>,
    framing: [Framing; 2],
}

/// Where one direction over TCP stands: a length in two octets goes before each message.
#[derive(Clone, Debug, Default)]
struct Framing {
    length: [u8; 2],
    have: u8,
    left: usize,
    kept: Vec<u8>,
    lost: bool,
}

/// Whether these octets may be a DNS message.
#[must_use]
pub fn is_message(octets: &[u8]) -> bool {
    read(octets).is_some()
}

/// The same behind the length that TCP needs.
#[must_use]
pub fn is_framed(octets: &[u8]) -> bool {
    let mut rest = Octets::new(octets);
    let length = rest.u16();
    // Some senders put the length into a segment of its own.
    length.is_some_and(|length| usize::from(length) >= HEADER && (rest.is_empty() || is_message(rest.rest())))
}

impl Dialogue {
    /// A datagram.
    pub fn datagram(&mut self, octets: &[u8], now_ns: i64, exchange: &mut Exchange) {
        if let Some(message) = read(octets) {
            self.message(message, now_ns, true, exchange);
        }
    }

    /// Part of a direction over TCP.
    pub fn part(&mut self, side: usize, part: Part<'_>, now_ns: i64, exchange: &mut Exchange) {
        let mut rest = match part {
            Part::Octets(octets) => octets,
            Part::Missing(count) => {
                self.framing[side].skip(count as usize);
                return;
            }
        };
        while let Some(whole) = self.framing[side].take(&mut rest) {
            if let Some(message) = read(&whole) {
                self.message(message, now_ns, false, exchange);
            }
        }
    }

    fn message(&mut self, message: Message, now_ns: i64, timed: bool, exchange: &mut Exchange) {
        let Message {
            question,
            is_response,
            rcode,
            has_question,
        } = message;
        let (id, kind, name) = (question.id, question.kind, question.name.clone());
        let same = |asked: &Question| {
            asked.id == id && (!has_question || (asked.kind == kind && asked.name.eq_ignore_ascii_case(&name)))
        };
        if !is_response {
            self.waiting.ask(question, now_ns, same, exchange);
            return;
        }
        let Some((asked, latency_ns)) = self.waiting.answer(now_ns, same) else {
            return;
        };
        if timed {
            exchange.responses.add(latency_ns as i64);
        }
        exchange.errors += u64::from(rcode != 0 && rcode != NAME_ERROR);
        self.facts.get_or_insert(Facts {
            name: asked.name,
            kind: asked.kind,
            rcode: Some(rcode),
            latency_ns: Some(latency_ns),
        });
    }

    /// Before a cut: what waited too long is unanswered.
    pub fn settle(&mut self, now_ns: i64, ending: bool, exchange: &mut Exchange) {
        if let (None, Some(asked)) = (&self.facts, self.waiting.first()) {
            self.facts = Some(Facts {
                name: asked.name.clone(),
                kind: asked.kind,
                rcode: None,
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

impl Framing {
    /// What was kept of the next whole message, nothing of one with parts missing; none at the end of the octets.
    fn take(&mut self, rest: &mut &[u8]) -> Option<Vec<u8>> {
        while self.have < 2 {
            let (&octet, tail) = rest.split_first()?;
            *rest = tail;
            self.length[usize::from(self.have)] = octet;
            self.have += 1;
            if self.have == 2 {
                self.left = usize::from(u16::from_be_bytes(self.length));
                self.kept.clear();
            }
        }
        let (part, tail) = rest.split_at(self.left.min(rest.len()));
        *rest = tail;
        self.left -= part.len();
        self.kept.extend_from_slice(&part[..part.len().min(KEPT - self.kept.len())]);
        if self.left > 0 {
            return None;
        }
        self.have = 0;
        let lost = std::mem::take(&mut self.lost);
        let kept = std::mem::take(&mut self.kept);
        Some(if lost { Vec::new() } else { kept })
    }

    /// Octets are missing: within a message only that message is lost, beyond it so is the framing.
    fn skip(&mut self, count: usize) {
        if self.have == 2 && count <= self.left {
            self.left -= count;
            self.lost = self.kept.len() < KEPT;
            if self.left == 0 {
                (self.have, self.lost) = (0, false);
            }
        } else {
            // Where the next message begins cannot be told any more: what follows is one that never ends.
            (self.have, self.left, self.lost) = (2, usize::MAX, true);
        }
    }
}

/// A message with one question, or a response without any.
fn read(octets: &[u8]) -> Option<Message> {
    let mut rest = Octets::new(octets);
    let id = rest.u16()?;
    let flags = rest.u16()?;
    let questions = rest.u16()?;
    let (answers, authorities) = (rest.u16()?, rest.u16()?);
    rest.u16()?;
    let is_response = flags & 0x8000 != 0;
    let opcode = flags >> 11 & 15;
    // Standard, inverse, status, notify, update, stateful; the others do not exist.
    if opcode > 6 || questions > 1 || (questions == 0 && !is_response) {
        return None;
    }
    // A question has no answers (a notification or an update may have).
    if !is_response && opcode == 0 && (answers > 0 || authorities > 0) {
        return None;
    }
    let (mut name, mut kind) = (String::new(), 0);
    if questions == 1 {
        name = read_name(octets, &mut rest)?;
        kind = rest.u16()?;
        rest.u16()?;
    }
    Some(Message {
        question: Question { id, name, kind },
        is_response,
        rcode: (flags & 15) as u8,
        has_question: questions == 1,
    })
}

/// A name in dotted form; the root is `.`.
fn read_name<'a>(message: &'a [u8], rest: &mut Octets<'a>) -> Option<String> {
    let (mut name, mut octets, mut pointers) = (String::new(), 0, 0);
    let mut jumped: Option<Octets<'a>> = None;
    loop {
        let reader = jumped.as_mut().unwrap_or(rest);
        let length = reader.u8()?;
        match length >> 6 {
            0 if length == 0 => break,
            0 => {
                octets += usize::from(length) + 1;
                if octets >= MAX_NAME {
                    return None;
                }
                if !name.is_empty() {
                    name.push('.');
                }
                put_printable(&mut name, reader.take(usize::from(length))?);
            }
            3 => {
                let at = usize::from(length & 0x3f) << 8 | usize::from(reader.u8()?);
                pointers += 1;
                if pointers > MAX_POINTERS {
                    return None;
                }
                jumped = Some(Octets::new(message.get(at..)?));
            }
            _ => return None,
        }
    }
    if name.is_empty() {
        name.push('.');
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u16, flags: u16, name: &[&str]) -> Vec<u8> {
        let mut octets = id.to_be_bytes().to_vec();
        octets.extend_from_slice(&flags.to_be_bytes());
        octets.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name {
            octets.push(label.len() as u8);
            octets.extend_from_slice(label.as_bytes());
        }
        octets.extend_from_slice(&[0, 0, 28, 0, 1]);
        octets
    }

    #[test]
    fn an_answer_has_the_name_the_code_and_the_time_of_its_question() {
        let (mut dialogue, mut exchange) = (Dialogue::default(), Exchange::default());
        dialogue.datagram(&message(5, 0x0100, &["www", "example", "com"]), 1_000, &mut exchange);
        dialogue.datagram(&message(6, 0x8182, &["www", "example", "com"]), 1_500, &mut exchange);
        dialogue.datagram(&message(5, 0x8182, &["WWW", "example", "com"]), 4_000, &mut exchange);
        dialogue.settle(4_000, true, &mut exchange);
        let facts = dialogue.facts().unwrap();
        assert_eq!(
            (facts.name.as_str(), facts.kind, facts.rcode, facts.latency_ns),
            ("www.example.com", 28, Some(2), Some(3_000))
        );
        assert_eq!((exchange.requests, exchange.unanswered, exchange.errors), (1, 0, 1));
    }

    #[test]
    fn a_question_without_an_answer_is_told_and_counted_at_the_end() {
        let (mut dialogue, mut exchange) = (Dialogue::default(), Exchange::default());
        dialogue.datagram(&message(5, 0x0100, &["a"]), 1_000, &mut exchange);
        dialogue.settle(2_000, false, &mut exchange);
        assert_eq!(exchange.unanswered, 0);
        assert_eq!(dialogue.facts().map(|facts| facts.rcode), Some(None));
        dialogue.settle(2_000, true, &mut exchange);
        assert_eq!(exchange.unanswered, 1);
    }

    #[test]
    fn messages_over_tcp_are_found_wherever_segments_end() {
        let mut stream = Vec::new();
        for id in 0..3 {
            let message = message(id, 0x0100, &["name"]);
            stream.extend_from_slice(&(message.len() as u16).to_be_bytes());
            stream.extend_from_slice(&message);
        }
        for step in 1..stream.len() {
            let (mut dialogue, mut exchange) = (Dialogue::default(), Exchange::default());
            for part in stream.chunks(step) {
                dialogue.part(0, Part::Octets(part), 0, &mut exchange);
            }
            assert_eq!(exchange.requests, 3);
        }
    }

    #[test]
    fn a_name_that_points_at_itself_ends() {
        let mut octets = message(1, 0, &["a"]);
        octets[12..14].copy_from_slice(&[0xc0, 12]);
        assert!(!is_message(&octets));
    }
}
