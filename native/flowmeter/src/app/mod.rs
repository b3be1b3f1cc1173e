//! What payload tells of the application: first octets and messages of one flow in, facts out; one protocol a module.
//!
//! A pure core: octets and times come as arguments, nothing is sent or decrypted (but QUIC's first packets, whose keys anyone knows),
//! memory is bounded per flow, and no octets make it panic. It knows neither addresses nor records. A flow that nothing is to be
//! learned from any more is not listened to: that is most packets.

pub mod database;
pub mod dns;
pub mod exchange;
pub mod fingerprint;
pub mod hello;
pub mod http;
pub mod initial;
pub mod ntp;
pub mod octets;
pub mod quic;
pub mod rtp;
pub mod sip;
pub mod stream;
pub mod tls;

use exchange::Exchange;
use stream::{Part, Segment, Stream};

/// Datagrams of an unknown application that are looked at.
const MAX_LOOKS: u8 = 16;
/// Packets of a direction that may be RTP before it has to have proven itself.
const MAX_UNPROVEN: u8 = 32;

/// Protocols that payload tells, or whose first octets are looked at on the ports that bear their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Domain names.
    Dns,
    /// TLS over TCP.
    Tls,
    /// HTTP/1.
    Http,
    /// HTTP/2 without TLS.
    Http2,
    /// QUIC.
    Quic,
    /// Real-time media.
    Rtp,
    /// Network time.
    Ntp,
    /// Calls.
    Sip,
    /// Secure shell.
    Ssh,
    /// Oracle TNS.
    Oracle,
    /// `MySQL`.
    Mysql,
    /// `PostgreSQL`.
    Postgresql,
    /// Microsoft SQL Server.
    Mssql,
    /// Dameng.
    Dameng,
    /// Payment messages.
    Iso8583,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Dns,
        Self::Tls,
        Self::Http,
        Self::Http2,
        Self::Quic,
        Self::Rtp,
        Self::Ntp,
        Self::Sip,
        Self::Ssh,
        Self::Oracle,
        Self::Mysql,
        Self::Postgresql,
        Self::Mssql,
        Self::Dameng,
        Self::Iso8583,
    ];

    /// The name of its application.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Quic => "quic",
            Self::Rtp => "rtp",
            Self::Ntp => "ntp",
            Self::Sip => "sip",
            Self::Ssh => "ssh",
            Self::Oracle => "oracle",
            Self::Mysql => "mysql",
            Self::Postgresql => "postgresql",
            Self::Mssql => "mssql",
            Self::Dameng => "dameng",
            Self::Iso8583 => "iso8583",
        }
    }

    /// The protocol that has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// The payload of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Side that sent it.
    pub side: usize,
    /// Side that began the flow.
    pub client: usize,
    /// When it passed.
    pub now_ns: i64,
    /// Octets captured.
    pub octets: &'a [u8],
    /// Octets on the wire.
    pub length: u32,
    /// What the port says the application is.
    pub by_port: Option<Protocol>,
}

/// Where a TCP payload stands in its direction.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Sequence number of its first octet.
    pub seq: u32,
    /// Sequence number of the direction's first octet, when its SYN was seen.
    pub first: Option<u32>,
}

/// What a flow's payload has told.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    deaf: bool,
    looked: [bool; 2],
    looks: u8,
    told: Option<Protocol>,
    talk: Option<Box<Talk>>,
}

/// The conversation that was recognised.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// Requests of the record.
    pub exchange: Exchange,
    dialogue: Dialogue,
    streams: [Stream; 2],
}

#[derive(Clone, Debug, Default)]
enum Dialogue {
    #[default]
    None,
    Dns(dns::Dialogue),
    Tls(tls::Dialogue),
    Http(http::Dialogue),
    Quic(quic::Dialogue),
    Rtp(Box<[rtp::Direction; 2]>, u8),
    Ntp(ntp::Dialogue),
    Sip(sip::Dialogue),
    Database(database::Dialogue),
}

impl Ear {
    /// Nothing more is to be learned from this flow's payload.
    #[inline]
    #[must_use]
    pub const fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// What the payload says the application is.
    #[must_use]
    pub const fn told(&self) -> Option<Protocol> {
        self.told
    }

    /// The conversation, when one was recognised.
    #[must_use]
    pub fn talk(&self) -> Option<&Talk> {
        self.talk.as_deref()
    }

    /// Payload of a TCP segment that is no copy; whether something new is known of the application.
    pub fn segment(&mut self, payload: &Payload<'_>, place: Place) -> bool {
        let told = self.told;
        if self.talk.is_none() {
            self.look_at_segment(payload, place);
        }
        if let Some(talk) = &mut self.talk {
            let segment = Segment {
                seq: place.seq,
                length: payload.length,
                octets: payload.octets,
            };
            let Talk {
                exchange,
                dialogue,
                streams,
            } = talk.as_mut();
            let (side, now_ns) = (payload.side, payload.now_ns);
            let followed = streams[side].segment(segment, place.first, &mut |part| dialogue.part(side, part, now_ns, exchange));
            self.deaf = !followed || dialogue.is_over();
        }
        told != self.told
    }

    fn look_at_segment(&mut self, payload: &Payload<'_>, place: Place) {
        // The first octets decide, not the first that pass.
        if self.looked[payload.side] || place.first.is_some_and(|first| first != place.seq) {
            return;
        }
        self.looked[payload.side] = true;
        let (told, dialogue) = recognise_stream(payload);
        self.told = told.or(self.told);
        match dialogue {
            Some(dialogue) => self.listen_to(dialogue),
            None => self.deaf = self.looked == [true; 2] || self.told.is_some(),
        }
    }

    /// Payload of a datagram that is no copy; whether something new is known of the application.
    pub fn datagram(&mut self, payload: &Payload<'_>) -> bool {
        let told = self.told;
        if self.talk.is_none() {
            self.looks += 1;
            let (told, dialogue) = recognise_datagram(payload);
            self.told = told;
            match dialogue {
                Some(dialogue) => self.listen_to(dialogue),
                None => self.deaf = self.looks == MAX_LOOKS,
            }
        }
        if let Some(talk) = &mut self.talk {
            let Talk { exchange, dialogue, .. } = talk.as_mut();
            dialogue.datagram(payload, exchange);
            if let Dialogue::Rtp(directions, unproven) = dialogue {
                if directions.iter().any(rtp::Direction::is_proven) {
                    self.told = Some(Protocol::Rtp);
                } else if *unproven == MAX_UNPROVEN {
                    (self.talk, self.deaf) = (None, true);
                }
            } else {
                self.deaf = dialogue.is_over();
            }
        }
        told != self.told
    }

    fn listen_to(&mut self, dialogue: Dialogue) {
        self.talk = Some(Box::new(Talk {
            dialogue,
            ..Talk::default()
        }));
    }

    /// Before a record is cut at `now_ns`; `ending` when the flow ends with it.
    pub fn settle(&mut self, now_ns: i64, ending: bool) {
        if let Some(talk) = &mut self.talk {
            talk.dialogue.settle(now_ns, ending, &mut talk.exchange);
        }
    }

    /// A record was cut: nothing is told twice.
    pub fn cut(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        talk.exchange.clear();
        talk.dialogue.cut();
        if self.deaf {
            self.talk = None;
        }
    }
}

/// Methods of HTTP/2 begin with this.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// What the first octets of a direction over TCP tell.
fn recognise_stream(payload: &Payload<'_>) -> (Option<Protocol>, Option<Dialogue>) {
    let octets = payload.octets;
    let with = |protocol, dialogue| (Some(protocol), Some(dialogue));
    match octets.first() {
        Some(0x16) if tls::is_hello(octets) => return with(Protocol::Tls, Dialogue::Tls(tls::Dialogue::default())),
        Some(b'A'..=b'Z') => {
            if sip::is_message(octets) {
                return with(Protocol::Sip, Dialogue::Sip(sip::Dialogue::default()));
            }
            if http::method(octets).is_some() || http::is_response(octets) {
                return with(Protocol::Http, Dialogue::Http(http::Dialogue::default()));
            }
            if octets.starts_with(b"SSH-") {
                return (Some(Protocol::Ssh), None);
            }
            if octets.starts_with(HTTP2_PREFACE) {
                return (Some(Protocol::Http2), None);
            }
        }
        _ => {}
    }
    match payload.by_port {
        Some(Protocol::Dns) if dns::is_framed(octets) => with(Protocol::Dns, Dialogue::Dns(dns::Dialogue::default())),
        Some(port) if database::speaks(port, octets) => with(port, Dialogue::Database(database::Dialogue::new(payload.client))),
        _ => (None, None),
    }
}

/// What one datagram tells.
fn recognise_datagram(payload: &Payload<'_>) -> (Option<Protocol>, Option<Dialogue>) {
    let octets = payload.octets;
    let with = |protocol, dialogue| (Some(protocol), Some(dialogue));
    match payload.by_port {
        Some(Protocol::Dns) if dns::is_message(octets) => return with(Protocol::Dns, Dialogue::Dns(dns::Dialogue::default())),
        Some(Protocol::Ntp) if ntp::is_packet(octets) => return with(Protocol::Ntp, Dialogue::Ntp(ntp::Dialogue::default())),
        Some(Protocol::Dns | Protocol::Ntp) => return (None, None),
        _ => {}
    }
    match octets.first() {
        Some(b'A'..=b'Z') if sip::is_message(octets) => with(Protocol::Sip, Dialogue::Sip(sip::Dialogue::default())),
        Some(0xc0..) if quic::is_initial(octets) => with(Protocol::Quic, Dialogue::Quic(quic::Dialogue::default())),
        Some(0x80..=0xbf) if rtp::may_be(octets) => (None, Some(Dialogue::Rtp(Box::default(), 0))),
        _ => (None, None),
    }
}

impl Dialogue {
    fn part(&mut self, side: usize, part: Part<'_>, now_ns: i64, exchange: &mut Exchange) {
        match (self, part) {
            (Self::Dns(dialogue), part) => dialogue.part(side, part, now_ns, exchange),
            (Self::Tls(dialogue), part) => dialogue.part(side, part, now_ns),
            (Self::Http(dialogue), Part::Octets(octets)) => dialogue.octets(side, octets, now_ns, exchange),
            (Self::Http(dialogue), Part::Missing(_)) => dialogue.missing(side),
            (Self::Sip(dialogue), Part::Octets(octets)) => dialogue.message(octets, now_ns, exchange),
            (Self::Database(dialogue), part) => dialogue.part(side, part, now_ns),
            _ => {}
        }
    }

    fn datagram(&mut self, payload: &Payload<'_>, exchange: &mut Exchange) {
        let &Payload {
            side,
            now_ns,
            octets,
            length,
            ..
        } = payload;
        match self {
            Self::Dns(dialogue) => dialogue.datagram(octets, now_ns, exchange),
            Self::Quic(dialogue) => dialogue.datagram(side, octets, length as usize, now_ns),
            Self::Rtp(directions, unproven) => {
                directions[side].datagram(octets, now_ns);
                *unproven = unproven.saturating_add(1).min(MAX_UNPROVEN);
            }
            Self::Ntp(dialogue) => dialogue.datagram(octets, now_ns, exchange),
            Self::Sip(dialogue) => dialogue.message(octets, now_ns, exchange),
            _ => {}
        }
    }

    const fn is_over(&self) -> bool {
        match self {
            Self::Tls(dialogue) => dialogue.is_over(),
            Self::Http(dialogue) => dialogue.is_over(),
            Self::Quic(dialogue) => dialogue.is_over(),
            Self::Database(dialogue) => dialogue.is_over(),
            _ => false,
        }
    }

    fn settle(&mut self, now_ns: i64, ending: bool, exchange: &mut Exchange) {
        match self {
            Self::Dns(dialogue) => dialogue.settle(now_ns, ending, exchange),
            Self::Http(dialogue) => dialogue.settle(ending, exchange),
            Self::Ntp(dialogue) => dialogue.settle(now_ns, ending, exchange),
            Self::Sip(dialogue) => dialogue.settle(now_ns, ending, exchange),
            _ => {}
        }
    }

    fn cut(&mut self) {
        match self {
            Self::None | Self::Ntp(_) => {}
            Self::Dns(dialogue) => dialogue.cut(),
            Self::Tls(dialogue) => dialogue.cut(),
            Self::Http(dialogue) => dialogue.cut(),
            Self::Quic(dialogue) => dialogue.cut(),
            Self::Rtp(directions, _) => directions.iter_mut().for_each(rtp::Direction::cut),
            Self::Sip(dialogue) => dialogue.cut(),
            Self::Database(dialogue) => dialogue.cut(),
        }
    }
}

/// What a record says, by protocol; none where there is nothing, or nothing new.
impl Talk {
    /// Counts of requests; none for protocols without them.
    #[must_use]
    pub const fn requests(&self) -> Option<&Exchange> {
        match self.dialogue {
            Dialogue::Dns(_) | Dialogue::Http(_) | Dialogue::Ntp(_) | Dialogue::Sip(_) => Some(&self.exchange),
            _ => None,
        }
    }

    /// DNS.
    #[must_use]
    pub const fn dns(&self) -> Option<&dns::Facts> {
        match &self.dialogue {
            Dialogue::Dns(dialogue) => dialogue.facts(),
            _ => None,
        }
    }

    /// TLS over TCP.
    #[must_use]
    pub fn tls(&self) -> Option<&tls::Facts> {
        match &self.dialogue {
            Dialogue::Tls(dialogue) => dialogue.facts(),
            _ => None,
        }
    }

    /// QUIC.
    #[must_use]
    pub fn quic(&self) -> Option<&quic::Facts> {
        match &self.dialogue {
            Dialogue::Quic(dialogue) => dialogue.facts(),
            _ => None,
        }
    }

    /// HTTP/1.
    #[must_use]
    pub const fn http(&self) -> Option<&http::Facts> {
        match &self.dialogue {
            Dialogue::Http(dialogue) => dialogue.facts(),
            _ => None,
        }
    }

    /// SIP.
    #[must_use]
    pub const fn sip(&self) -> Option<&sip::Facts> {
        match &self.dialogue {
            Dialogue::Sip(dialogue) => dialogue.facts(),
            _ => None,
        }
    }

    /// RTP of the direction that a side sends.
    #[must_use]
    pub fn rtp(&self, side: usize) -> Option<rtp::Facts> {
        match &self.dialogue {
            Dialogue::Rtp(directions, _) => directions[side].facts(),
            _ => None,
        }
    }

    /// First response of a database or payment host.
    #[must_use]
    pub fn first_response_ns(&self) -> Option<u64> {
        match &self.dialogue {
            Dialogue::Database(dialogue) => dialogue.first_response_ns(),
            _ => None,
        }
    }

    /// The host that the client named, for naming the application.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let hello = match &self.dialogue {
            Dialogue::Tls(dialogue) => dialogue.hello(),
            Dialogue::Quic(dialogue) => dialogue.hello(),
            Dialogue::Http(dialogue) => return dialogue.facts()?.host.as_deref(),
            _ => None,
        };
        hello?.sni.as_deref()
    }
}
