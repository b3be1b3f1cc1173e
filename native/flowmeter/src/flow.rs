//! One biflow in the table, and the record that is cut from it.

use crate::app::Ear;
use crate::application::Application;
use crate::key::Key;
use crate::packet::{Encapsulations, Tcp};
use crate::tcp::handshake::Report;
use crate::tcp::Connection;

/// Stands for "no index".
pub const NONE: u32 = u32::MAX;

/// Why a record was cut (IANA element 136).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EndReason {
    /// No packets for the idle timeout.
    Idle = 1,
    /// The flow goes on; active timeout or end of an interval.
    Active = 2,
    /// Another connection on the same ports.
    End = 3,
    /// The input or the meter ended.
    Forced = 4,
    /// The table was full.
    Resources = 5,
}

impl EndReason {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::End => "end",
            Self::Forced => "forced",
            Self::Resources => "resources",
        }
    }
}

/// What is counted for each direction of any protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Octets by IP length.
    pub octets: u64,
    /// Octets on the wire.
    pub frame_octets: u64,
    /// Copies among the packets.
    pub duplicates: u64,
    /// Frames that stood for several packets: a host's super-segments.
    pub super_segments: u64,
}

impl Counts {
    /// Add what a super-segment is more than the one packet it is captured as: its other pieces have headers of their own.
    #[cold]
    pub fn cut_up(&mut self, tcp: &Tcp, pieces: u32, ip_octets: u32, wire_octets: u32) {
        let more = u64::from(pieces) - 1;
        self.super_segments += u64::from(more > 0);
        self.packets += more;
        self.octets += more * u64::from(ip_octets.saturating_sub(tcp.payload_octets));
        self.frame_octets += more * u64::from(wire_octets.saturating_sub(tcp.payload_octets));
    }
}

/// One biflow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Hash of key and encapsulations.
    pub hash: u64,
    /// Both ends.
    pub key: Key,
    /// The encapsulations that belong to the key.
    pub key_encapsulations: Encapsulations,
    /// All encapsulations seen, in order of first sight.
    pub encapsulations: Encapsulations,
    /// Side that began the flow.
    pub forward: usize,
    /// A SYN said who began it.
    pub forward_known: bool,
    /// First packet of the flow.
    pub start_ns: i64,
    /// First packet since the last cut.
    pub first_ns: i64,
    /// Last packet.
    pub last_ns: i64,
    /// Since the last cut, by side.
    pub counts: [Counts; 2],
    /// Whether a side ever sent, by side.
    pub seen: [bool; 2],
    /// What it carries.
    pub application: Option<Application>,
    /// What its payload tells.
    pub ear: Ear,
    /// Index of the TCP connection, `NONE` for other protocols.
    pub connection: u32,
    /// Neighbours in the list of flows that may expire in the same second.
    pub neighbours: [u32; 2],
    /// That list.
    pub due: u32,
}

impl Flow {
    /// Packets since the last cut.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.counts[0].packets + self.counts[1].packets
    }

    /// Forget what was cut.
    pub fn cut(&mut self) {
        self.counts = [Counts::default(); 2];
    }

    /// Add encapsulations not seen before.
    pub fn encapsulate(&mut self, seen: &Encapsulations) {
        for entry in seen.as_slice() {
            if !self.encapsulations.as_slice().contains(entry) {
                // A flow with more kinds of wrapping than there is room keeps the first ones.
                let _ = self.encapsulations.push(entry.kind, entry.id);
            }
        }
    }
}

/// A record: the flow as it stands, and why it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The biflow.
    pub flow: &'a Flow,
    /// Its TCP connection.
    pub connection: Option<&'a Connection>,
    /// Name of what it carries.
    pub application: Option<&'a str>,
    /// Why it was cut.
    pub reason: EndReason,
    /// Start of the measuring interval, when it is an interval record.
    pub interval_ns: Option<i64>,
}

impl Record<'_> {
    /// Sides in the order forward, reverse.
    #[must_use]
    pub const fn sides(&self) -> [usize; 2] {
        [self.flow.forward, 1 - self.flow.forward]
    }

    /// Round trips of the handshake of TCP or QUIC, when they are new.
    #[must_use]
    pub fn handshake(&self) -> Option<Report> {
        if let Some(connection) = self.connection {
            return connection.handshake.report();
        }
        let quic = self.flow.ear.talk()?.quic()?;
        let server_ns = quic.rtt_server_ns?;
        Some(Report {
            server_ns: Some(server_ns),
            client_ns: quic.rtt_client_ns,
            setup_ns: quic.rtt_client_ns.map(|client_ns| server_ns + client_ns),
            ambiguous: quic.ambiguous,
        })
    }
}

/// Whatever takes records.
pub trait RecordSink {
    /// Take one; it borrows the table and is gone afterwards.
    fn record(&mut self, record: &Record<'_>);
}
