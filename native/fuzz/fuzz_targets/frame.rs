//! Whatever stands in a frame: no panic, and the payload of a packet lies within its frame.
#![no_main]

use flowmeter::packet::{Frame, LinkType, Tunnels};
use flowmeter::parse::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u32, bool, &[u8])| {
    let (link, wire_octets, inner, octets) = input;
    let frame = Frame {
        octets,
        wire_octets,
        link: LinkType::from_number(link),
        ..Frame::default()
    };
    if let Ok(packet) = parse(&frame, if inner { Tunnels::Inner } else { Tunnels::Outer }) {
        assert_eq!(packet.payload(&frame).len(), packet.payload_captured as usize);
    }
});
