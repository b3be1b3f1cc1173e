//! Datagrams of any exporter in, rows out: `NetFlow` v5 and v9, IPFIX and `sFlow` v5.
//!
//! Templates, options and sequence numbers are remembered across calls, by exporter, protocol and observation domain. A set whose
//! template has not come yet waits in a bounded buffer and is decoded when it comes. What cannot be read is counted by reason, told
//! with its octet, and costs nothing beside it. It opens no file and no socket and knows no clock.

mod elements;
mod flows;
mod held;
mod lists;
mod netflow5;
mod options;
mod packet;
mod sequence;
mod session;
mod sflow;
mod sflow_header;
mod templates;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use flows::{FlowColumns, Sort};
pub use sequence::Gaps;
pub use value::Value;

use crate::message::{u16_at, u32_at, Malformed};
use session::{Session, SessionKey};

/// Problems kept in words between two calls of `take_problems`.
const MAX_PROBLEMS: usize = 100;

/// Name of an element: IANA's, or `PEN/id`.
pub type Name = Cow<'static, str>;
/// Elements of a record in order.
pub type Fields = Vec<(Name, Value)>;

/// The four protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// `NetFlow` version 5.
    Netflow5,
    /// `NetFlow` version 9, RFC 3954.
    Netflow9,
    /// IPFIX, RFC 7011.
    Ipfix,
    /// `sFlow` version 5.
    Sflow5,
}

impl Protocol {
    /// As `collector decode` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netflow5 => "netflow5",
            Self::Netflow9 => "netflow9",
            Self::Ipfix => "ipfix",
            Self::Sflow5 => "sflow5",
        }
    }

    /// What its sequence numbers count.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Netflow5 => "flows",
            Self::Netflow9 => "packets",
            Self::Ipfix => "records",
            Self::Sflow5 => "datagrams",
        }
    }
}

/// One decoded record; what does not apply is none or empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As the caller named it; `sFlow` names its agent itself.
    pub exporter: String,
    /// Which protocol.
    pub protocol: Protocol,
    /// Observation domain; source id of v9; engine type·256 + id of v5; sub-agent of `sFlow`.
    pub domain: u32,
    /// Sequence number of the message.
    pub sequence: u32,
    /// Template of the record.
    pub template: Option<u16>,
    /// When the message was exported, Unix nanoseconds; `sFlow` does not say.
    pub export_ns: Option<i64>,
    /// When the exporter's uptime began, Unix nanoseconds: `flowStartSysUpTime` counts from there. v5 and v9.
    pub system_init_ns: Option<i64>,
    /// `flow`, `counters` or `drops`; `sFlow` only.
    pub sample: Option<&'static str>,
    /// The elements.
    pub record: Fields,
    /// Names of the scope elements when this is an options record.
    pub scope: Vec<Name>,
    /// Options that apply to the record, by the scope that joined them.
    pub options: Vec<(Name, Fields)>,
    /// The record waited for its template.
    pub held: bool,
}

/// What was counted since the decoder was made.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Datagrams or files read.
    pub datagrams: u64,
    /// Rows given.
    pub records: u64,
    /// Data sets whose template was not known when they came.
    pub unknown_templates: u64,
    /// Of these, decoded when the template came.
    pub held_decoded: u64,
    /// Of these, given up because the buffer was full.
    pub held_dropped: u64,
    /// Malformed datagrams, sets and samples by reason.
    pub malformed: BTreeMap<&'static str, u64>,
}

/// Decodes datagrams; see the module's page.
#[derive(Debug, Default)]
pub struct ExportDecoder {
    session: Session,
    counts: Counts,
    problems: Vec<String>,
}

/// Where a bad octet was: what it cost, and where.
#[derive(Debug)]
struct Bad {
    reason: &'static str,
    wrong: Malformed,
}

impl Bad {
    fn at(reason: &'static str, offset: usize, detail: impl Into<String>) -> Self {
        Self {
            reason,
            wrong: Malformed::at(offset, detail),
        }
    }

    fn of(reason: &'static str) -> impl Fn(Malformed) -> Self {
        move |wrong| Self { reason, wrong }
    }
}

impl ExportDecoder {
    /// A decoder that knows no template yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of one datagram, or of a file of IPFIX messages (RFC 5655), and of what waited for its templates.
    pub fn datagram(&mut self, octets: &[u8], exporter: &str) -> Vec<Row> {
        self.counts.datagrams += 1;
        let mut call = Call {
            session: &mut self.session,
            counts: &mut self.counts,
            exporter,
            rows: Vec::new(),
            bad: Vec::new(),
        };
        call.read(octets);
        let Call { rows, bad, .. } = call;
        self.counts.records += rows.len() as u64;
        for Bad { reason, wrong } in bad {
            *self.counts.malformed.entry(reason).or_default() += 1;
            if self.problems.len() < MAX_PROBLEMS {
                self.problems.push(format!("{exporter}: {wrong}"));
            }
        }
        rows
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Data sets that wait for their template now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.session.held.len()
    }

    /// Sequence gaps by protocol.
    #[must_use]
    pub fn gaps(&self) -> BTreeMap<Protocol, Gaps> {
        self.session.sequences.totals()
    }

    /// Problems in words since the last call; at most 100 are kept.
    pub fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }
}

/// One call of `datagram`: what it reads into.
struct Call<'a> {
    session: &'a mut Session,
    counts: &'a mut Counts,
    exporter: &'a str,
    rows: Vec<Row>,
    bad: Vec<Bad>,
}

impl Call<'_> {
    fn read(&mut self, octets: &[u8]) {
        let mut at = 0;
        while at < octets.len() {
            match self.message(octets, at) {
                Ok(next) => at = next,
                Err(bad) => {
                    self.bad.push(bad);
                    return;
                }
            }
        }
    }

    /// Read what starts at `at`; gives where the next message starts.
    fn message(&mut self, octets: &[u8], at: usize) -> Result<usize, Bad> {
        let left = &octets[at..];
        if left.len() < 4 {
            return Err(Bad::at("truncated", at, format!("{} octets are no message", left.len())));
        }
        match u16_at(left, 0) {
            5 => self.netflow5(octets, at),
            9 => self.netflow9(octets, at),
            10 => self.ipfix(octets, at),
            _ if u32_at(left, 0) == 5 => self.sflow5(octets, at),
            version => Err(Bad::at(
                "unknown version",
                at,
                format!("version {version} is not NetFlow, IPFIX or sFlow"),
            )),
        }
    }

    fn key(&self, protocol: Protocol, domain: u32) -> SessionKey {
        SessionKey {
            exporter: self.exporter.to_owned(),
            protocol,
            domain,
        }
    }
}
