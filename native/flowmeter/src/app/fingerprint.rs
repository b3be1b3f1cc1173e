//! JA3 and JA4 of a client's hello: what it offers, in a few characters. (The rest of the JA4+ family is not free and left out.)

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::hello::Offer;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What carries the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP.
    Tcp,
    /// QUIC.
    Quic,
}

/// Values that clients strew in so that servers ignore what they do not know (RFC 8701).
const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn real(values: &[u16]) -> impl Iterator<Item = u16> + '_ {
    values.iter().copied().filter(|&value| !is_grease(value))
}

fn joined(values: impl Iterator<Item = u16>, separator: &str, put: impl Fn(&mut String, u16)) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push_str(separator);
        }
        put(&mut text, value);
    }
    text
}

fn hexadecimal(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        let _ = write!(text, "{octet:02x}"); // writing into memory does not fail
    }
    text
}

/// MD5 of version, ciphers, extensions, groups and point formats in decimal.
#[must_use]
pub fn ja3(offer: &Offer<'_>) -> String {
    let decimal = |text: &mut String, value: u16| {
        let _ = write!(text, "{value}");
    };
    let list = |values: &[u16]| joined(real(values), "-", decimal);
    let formats = joined(offer.point_formats.iter().map(|&format| u16::from(format)), "-", decimal);
    let text = format!(
        "{},{},{},{},{formats}",
        offer.legacy_version,
        list(&offer.ciphers),
        list(&offer.extensions),
        list(&offer.groups),
    );
    hexadecimal(&Md5::digest(text.as_bytes()))
}

/// Transport, version, counts and ALPN; digest of the sorted ciphers; digest of the sorted extensions and the signature algorithms.
#[must_use]
pub fn ja4(offer: &Offer<'_>, transport: Transport) -> String {
    let hex = |text: &mut String, value: u16| {
        let _ = write!(text, "{value:04x}");
    };
    let sorted = |values: &mut Vec<u16>| {
        values.sort_unstable();
        joined(values.iter().copied(), ",", hex)
    };
    let mut ciphers: Vec<u16> = real(&offer.ciphers).collect();
    let extensions: Vec<u16> = real(&offer.extensions).collect();
    let version = real(&offer.versions).max().unwrap_or(offer.legacy_version);
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let first = format!(
        "{}{version}{}{:02}{:02}{}",
        if transport == Transport::Quic { 'q' } else { 't' },
        if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        alpn_ends(offer.alpn),
    );
    let mut others: Vec<u16> = extensions
        .into_iter()
        .filter(|&kind| kind != SERVER_NAME && kind != ALPN)
        .collect();
    let mut extended = sorted(&mut others);
    let signatures = joined(real(&offer.signatures), ",", hex);
    if !signatures.is_empty() {
        extended = format!("{extended}_{signatures}");
    }
    format!("{first}_{}_{}", short_digest(&sorted(&mut ciphers)), short_digest(&extended))
}

fn short_digest(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    hexadecimal(&Sha256::digest(text.as_bytes())[..6])
}

/// First and last character of the first ALPN value; of its hexadecimal form when one of them is neither letter nor digit.
fn alpn_ends(alpn: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (alpn.first(), alpn.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first as char, last as char].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ja4_of_the_published_example() {
        // The example of the specification's own text (FoxIO, JA4.md): Chrome over TCP.
        let offer = Offer {
            legacy_version: 0x0303,
            ciphers: vec![
                0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
                0x002f, 0x0035,
            ],
            extensions: vec![
                0x0a0a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
                0x000b, 0x000a, 0x0015,
            ],
            signatures: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            versions: vec![0x2a2a, 0x0304, 0x0303],
            alpn: b"h2",
            server_name: b"example.com",
            ..Offer::default()
        };
        assert_eq!(ja4(&offer, Transport::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn ja3_of_the_published_example() {
        // salesforce/ja3, README.
        let offer = Offer {
            legacy_version: 769,
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: vec![23, 24, 25],
            point_formats: &[0],
            ..Offer::default()
        };
        assert_eq!(ja3(&offer), "ada70206e40642a3e4461f35503241d5");
        let bare = Offer {
            legacy_version: 769,
            ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99],
            ..Offer::default()
        };
        assert_eq!(ja3(&bare), "de350869b8c85de67a350c8d186f11e6");
    }

    #[test]
    fn alpn_that_is_no_text_is_told_in_hexadecimal() {
        assert_eq!(alpn_ends(b"http/1.1"), "h1");
        assert_eq!(alpn_ends(&[0xab, 0xcd]), "ad");
        assert_eq!(alpn_ends(b""), "00");
    }
}
