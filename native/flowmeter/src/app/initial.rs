//! Opening a client's Initial packet: the keys that follow from the connection id (RFC 9001, 5.2; RFC 9369), and the packet's frames.

use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use aes::Aes128;
use aes_gcm::{AeadInPlace as _, Aes128Gcm};
use hkdf::Hkdf;
use sha2::Sha256;

const TAG: usize = 16;
const SAMPLE: usize = 16;
/// A sample is taken as if the packet number had this many octets.
const NUMBER: usize = 4;

/// Versions whose Initial packets can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 9000.
    One,
    /// RFC 9369.
    Two,
    /// Drafts 29 to 32 of RFC 9000, which some still speak.
    Draft,
}

impl Version {
    /// From its number.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            0x6b33_43cf => Some(Self::Two),
            0xff00_001d..=0xff00_0020 => Some(Self::Draft),
            _ => None,
        }
    }

    const fn salt(self) -> [u8; 20] {
        match self {
            Self::One => [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f,
                0x0a,
            ],
            Self::Two => [
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e,
                0xd9,
            ],
            Self::Draft => [
                0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8,
                0x99,
            ],
        }
    }

    const fn labels(self) -> [&'static str; 3] {
        match self {
            Self::One | Self::Draft => ["quic key", "quic iv", "quic hp"],
            Self::Two => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
        }
    }
}

/// What protects a client's Initial packets.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl ClientKeys {
    /// From the connection id to which the client sent its first packet.
    #[must_use]
    pub fn new(version: Version, connection_id: &[u8]) -> Self {
        let initial = Hkdf::<Sha256>::new(Some(&version.salt()), connection_id);
        let secret: [u8; 32] = expand(&initial, "client in");
        let client = Hkdf::<Sha256>::from_prk(&secret).unwrap_or(initial);
        let [key, iv, header] = version.labels();
        Self {
            key: expand(&client, key),
            iv: expand(&client, iv),
            header: expand(&client, header),
        }
    }
}

/// `HKDF-Expand-Label` with an empty context (RFC 8446, 7.1).
fn expand<const N: usize>(from: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let mut out = [0; N];
    let head = [0, N as u8, 6 + label.len() as u8];
    // So few octets are never too many.
    let _ = from.expand_multi_info(&[&head, b"tls13 ", label.as_bytes(), &[0]], &mut out);
    out
}

/// The frames of an Initial packet, when it was sealed under these keys; `number_at` is where its packet number starts.
#[must_use]
pub fn open(keys: &ClientKeys, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
    let sample: [u8; SAMPLE] = *packet.get(number_at + NUMBER..)?.first_chunk()?;
    let mut mask = sample.into();
    Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
    let first = packet[0] ^ mask[0] & 0x0f;
    let length = usize::from(first & 3) + 1;
    let mut header = packet.get(..number_at + length)?.to_vec();
    header[0] = first;
    let mut nonce = keys.iv;
    let mut number = 0u64;
    for (octet, mask) in header[number_at..].iter_mut().zip(&mask[1..]) {
        *octet ^= mask;
        number = number << 8 | u64::from(*octet);
    }
    // An Initial is among the first packets: its number is as it is written.
    for (octet, part) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
        *octet ^= part;
    }
    let (sealed, tag) = packet[header.len()..].split_at_checked((packet.len() - header.len()).checked_sub(TAG)?)?;
    let mut frames = sealed.to_vec();
    let cipher = Aes128Gcm::new(&keys.key.into());
    let tag = aes_gcm::Tag::from_slice(tag);
    cipher
        .decrypt_in_place_detached(&nonce.into(), &header, &mut frames, tag)
        .ok()?;
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    #[test]
    fn keys_are_those_of_the_rfcs() {
        // RFC 9001, A.1.
        let one = ClientKeys::new(Version::One, &ID);
        assert_eq!(one.key[..4], [0x1f, 0x36, 0x96, 0x13]);
        assert_eq!(one.iv[..4], [0xfa, 0x04, 0x4b, 0x2f]);
        assert_eq!(one.header[..4], [0x9f, 0x50, 0x44, 0x9e]);
        // RFC 9369, A.1.
        let two = ClientKeys::new(Version::Two, &ID);
        assert_eq!(two.key[..4], [0x8b, 0x1a, 0x0b, 0xc1]);
        assert_eq!(two.header[..4], [0x45, 0xb9, 0x5e, 0x15]);
    }

    #[test]
    fn what_was_sealed_otherwise_is_not_opened() {
        let keys = ClientKeys::new(Version::One, &ID);
        for length in 0..64 {
            assert_eq!(open(&keys, &vec![0xc0; length + 1], 0), None);
        }
    }
}
