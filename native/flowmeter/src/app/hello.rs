//! The two hellos of a TLS handshake (RFC 8446, 5246), and what they say of client and server.

use super::fingerprint::{ja3, ja4, Transport};
use super::octets::{printable, Octets};

/// Handshake message types.
pub const CLIENT_HELLO: u8 = 1;
/// Handshake message types.
pub const SERVER_HELLO: u8 = 2;
const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
/// Longest name that a record tells.
const MAX_NAME: usize = 255;
/// The random of a `ServerHello` that asks for another `ClientHello` (RFC 8446, 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a,
    0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a client offers, in the order of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Version of the message itself.
    pub legacy_version: u16,
    /// Cipher suites.
    pub ciphers: Vec<u16>,
    /// Extension types.
    pub extensions: Vec<u16>,
    /// Named groups.
    pub groups: Vec<u16>,
    /// Point formats.
    pub point_formats: &'a [u8],
    /// Signature algorithms.
    pub signatures: Vec<u16>,
    /// Versions of the extension, if it is there.
    pub versions: Vec<u16>,
    /// First protocol of ALPN.
    pub alpn: &'a [u8],
    /// Host name.
    pub server_name: &'a [u8],
}

/// What a record tells of a client's hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// Name of the server, if the client says it.
    pub sni: Option<String>,
    /// JA3 as 32 hexadecimal digits.
    pub ja3: String,
    /// JA4.
    pub ja4: String,
}

/// What a server chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// Version of the connection.
    pub version: u16,
    /// The client is to try again.
    pub retry: bool,
}

/// The type of a handshake message and its body, when it is whole.
#[must_use]
pub fn message(octets: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = Octets::new(octets);
    let kind = rest.u8()?;
    Some((kind, rest.block24()?.rest()))
}

/// Read a `ClientHello`.
#[must_use]
pub fn client_hello(body: &[u8], transport: Transport) -> Option<ClientHello> {
    let offer = offer(body)?;
    let name = (!offer.server_name.is_empty()).then(|| printable(offer.server_name, MAX_NAME));
    Some(ClientHello {
        sni: name,
        ja3: ja3(&offer),
        ja4: ja4(&offer, transport),
    })
}

fn offer(body: &[u8]) -> Option<Offer<'_>> {
    let mut rest = Octets::new(body);
    let legacy_version = rest.u16()?;
    rest.take(32)?;
    rest.block8()?;
    let ciphers = rest.block16()?.u16s().collect();
    rest.block8()?;
    let mut offer = Offer {
        legacy_version,
        ciphers,
        ..Offer::default()
    };
    // Before extensions existed the message ended here.
    if rest.is_empty() {
        return Some(offer);
    }
    let mut extensions = rest.block16()?;
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let content = extensions.block16()?;
        offer.extensions.push(kind);
        // What is wrong inside an extension leaves that one out.
        let _ = extension(&mut offer, kind, content);
    }
    Some(offer)
}

fn extension<'a>(offer: &mut Offer<'a>, kind: u16, mut content: Octets<'a>) -> Option<()> {
    match kind {
        SERVER_NAME => {
            let mut names = content.block16()?;
            // Type 0, a host name, is the only one there is.
            if names.u8()? == 0 {
                offer.server_name = names.block16()?.rest();
            }
        }
        GROUPS => offer.groups = content.block16()?.u16s().collect(),
        POINT_FORMATS => offer.point_formats = content.block8()?.rest(),
        SIGNATURE_ALGORITHMS => offer.signatures = content.block16()?.u16s().collect(),
        ALPN => offer.alpn = content.block16()?.block8()?.rest(),
        SUPPORTED_VERSIONS => offer.versions = content.block8()?.u16s().collect(),
        _ => {}
    }
    Some(())
}

/// Read a `ServerHello`.
#[must_use]
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut rest = Octets::new(body);
    let mut version = rest.u16()?;
    let retry = rest.take(32)? == RETRY_RANDOM;
    rest.block8()?;
    rest.u16()?;
    rest.u8()?;
    if let Some(mut extensions) = rest.block16() {
        while let (Some(kind), Some(mut content)) = (extensions.u16(), extensions.block16()) {
            if kind == SUPPORTED_VERSIONS {
                version = content.u16().unwrap_or(version);
            }
        }
    }
    Some(ServerHello { version, retry })
}

/// A version as OpenSSL names it.
#[must_use]
pub const fn version_name(version: u16) -> Option<&'static str> {
    match version {
        0x0300 => Some("SSLv3"),
        0x0301 => Some("TLSv1"),
        0x0302 => Some("TLSv1.1"),
        0x0303 => Some("TLSv1.2"),
        // Drafts of 1.3 have numbers of their own.
        0x0304 | 0x7f00..=0x7fff => Some("TLSv1.3"),
        _ => None,
    }
}
