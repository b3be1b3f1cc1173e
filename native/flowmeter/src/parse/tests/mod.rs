//! Frames by hand, one encapsulation each, and frames that are broken on purpose.

mod broken;
mod headers;
mod tunnels;

use super::parse;
use crate::packet::{Frame, LinkType, Packet, Transport, Tunnels, Unparsed};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

fn be16(value: usize) -> [u8; 2] {
    (value as u16).to_be_bytes()
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A TCP segment with 3 octets of payload.
fn tcp() -> Vec<u8> {
    let header = [
        0x30, 0x39, 0x00, 0x50, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x18, 0x10, 0x00, 0xab, 0xcd, 0, 0,
    ];
    join(&[&header, b"abc"])
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    join(&[
        &source.to_be_bytes(),
        &destination.to_be_bytes(),
        &be16(payload.len() + 8),
        &[0, 0],
        payload,
    ])
}

fn v4_with(protocol: u8, fragment: [u8; 2], options: &[u8], body: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let first = [0x40 | (header / 4) as u8, 0];
    join(&[
        &first,
        &be16(header + body.len()),
        &[0x12, 0x34],
        &fragment,
        &[64, protocol, 0x56, 0x78],
        &A,
        &B,
        options,
        body,
    ])
}

fn v4(protocol: u8, body: &[u8]) -> Vec<u8> {
    v4_with(protocol, [0, 0], &[], body)
}

fn v6(next: u8, body: &[u8]) -> Vec<u8> {
    let mut addresses = [0x20_u8; 32];
    addresses[15] = 1;
    addresses[31] = 2;
    join(&[&[0x60, 0, 0, 0], &be16(body.len()), &[next, 63], &addresses, body])
}

fn ethernet(ethertype: u16, body: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ethertype.to_be_bytes(), body])
}

fn frame(link: LinkType, octets: &[u8]) -> Frame<'_> {
    Frame {
        octets,
        wire_octets: octets.len() as u32,
        link,
        ..Frame::default()
    }
}

fn read_as(link: LinkType, octets: &[u8]) -> Packet {
    parse(&frame(link, octets), Tunnels::Inner).expect("a packet")
}

fn read(octets: &[u8]) -> Packet {
    read_as(LinkType::Ethernet, octets)
}

fn refused(octets: &[u8]) -> Unparsed {
    parse(&frame(LinkType::Ethernet, octets), Tunnels::Inner).expect_err("no packet")
}

fn around(packet: &Packet) -> Vec<String> {
    packet.encapsulations.as_slice().iter().map(ToString::to_string).collect()
}

/// The segment of `tcp()` came out whole.
#[track_caller]
fn is_the_segment(packet: &Packet, frame_octets: &[u8]) {
    let segment = packet.tcp().expect("a TCP segment");
    assert_eq!((packet.source_port, packet.destination_port), (12345, 80));
    assert_eq!(
        (segment.seq, segment.ack, segment.flags, segment.window),
        (7, 9, 0x18, 0x1000)
    );
    assert_eq!((segment.payload_octets, packet.transport_checksum), (3, 0xabcd));
    assert_eq!(packet.payload(&frame(LinkType::Ethernet, frame_octets)), b"abc");
    assert!(!packet.truncated && !packet.header_cut);
}

/// The segment is found behind these octets, with these encapsulations around it.
#[track_caller]
fn finds(octets: &[u8], encapsulations: &[&str]) {
    let packet = read(octets);
    is_the_segment(&packet, octets);
    assert_eq!(around(&packet), encapsulations);
}

/// In the outer mode a tunnel is a flow of its own protocol.
#[track_caller]
fn outer_is(octets: &[u8], protocol: u8) {
    let packet = parse(&frame(LinkType::Ethernet, octets), Tunnels::Outer).expect("a packet");
    assert_eq!((packet.protocol, packet.ip_at, packet.is_v6), (protocol, 14, false));
    assert!(packet.encapsulations.is_empty());
}
