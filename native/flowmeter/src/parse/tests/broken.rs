//! Frames too deep, too short and broken on purpose.

use super::*;

#[test]
fn tunnels_nested_too_deep_leave_the_last_packet_that_fits() {
    let mut octets = v4(6, &tcp());
    for _ in 0..12 {
        octets = v4(4, &octets);
    }
    let packet = read(&ethernet(0x0800, &octets));
    assert_eq!((packet.protocol, packet.encapsulations.as_slice().len()), (4, 8));
    let tags: Vec<u8> = [0x81, 0, 0, 1].repeat(12);
    assert_eq!(refused(&ethernet(0x8100, &tags[2..])), Unparsed::TunnelTooDeep);
}

#[test]
fn frames_without_a_packet_say_why() {
    let whole = ethernet(0x0800, &v4(6, &tcp()));
    assert_eq!(refused(&whole[..10]), Unparsed::TruncatedLink);
    assert_eq!(refused(&whole[..30]), Unparsed::TruncatedIp);
    assert_eq!(refused(&ethernet(0x0806, &[0; 28])), Unparsed::NotIp);
    let mut bad = whole.clone();
    bad[14] = 0x44;
    assert_eq!(refused(&bad), Unparsed::BadIpHeader);
    bad[14] = 0x55;
    assert_eq!(refused(&bad), Unparsed::BadIpHeader);
    for (index, reason) in Unparsed::ALL.iter().enumerate() {
        assert_eq!(reason.index(), index);
    }
}

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

fn samples() -> Vec<Vec<u8>> {
    let (four, six) = (v4(6, &tcp()), v6(6, &tcp()));
    let bridged = ethernet(0x0800, &four);
    let in_udp = |port, header: &[u8], inner: &[u8]| ethernet(0x0800, &v4(17, &udp(port, port, &join(&[header, inner]))));
    vec![
        bridged.clone(),
        ethernet(
            0x86dd,
            &v6(0, &join(&[&[44, 0, 5, 2, 0, 0, 1, 0], &[6, 0, 0, 0, 0, 1, 0, 9], &tcp()])),
        ),
        ethernet(0x8100, &join(&[&[0, 7, 0x88, 0x47, 0, 6, 0x41, 255, 0, 0, 0, 0], &bridged])),
        ethernet(0x8864, &join(&[&[0x11, 0, 1, 2, 0, 45, 0, 0x21], &four])),
        ethernet(
            0x0800,
            &v4(47, &join(&[&[0xb0, 0, 0x22, 0xeb], &[0; 12], &[0x20; 12], &bridged])),
        ),
        ethernet(0x0800, &v4(41, &v6(4, &four))),
        in_udp(4789, &[0x0c, 0, 0, 3, 0, 0, 42, 0], &bridged),
        in_udp(6081, &[1, 0, 0x65, 0x58, 0, 1, 0, 0, 0, 1, 2, 0], &bridged),
        in_udp(2152, &[0x34, 0xff, 0, 51, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 1, 0], &four),
        in_udp(3544, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &six),
    ]
}

#[test]
fn mutated_and_cut_frames_never_panic_and_their_payload_lies_in_the_frame() {
    let links = [
        LinkType::Ethernet,
        LinkType::RawIp,
        LinkType::LinuxSll,
        LinkType::LinuxSll2,
        LinkType::BsdNull,
        LinkType::Ppp,
        LinkType::Hdlc,
        LinkType::PppoeSession,
    ];
    let (mut random, samples) = (Random(0x5eed), samples());
    for round in 0..100_000 {
        let mut octets = samples[round % samples.len()].clone();
        for _ in 0..random.below(6) {
            let at = random.below(octets.len());
            octets[at] = random.below(256) as u8;
        }
        octets.truncate(1 + random.below(octets.len() + 20));
        let mut mutated = frame(links[if round % 3 == 0 { random.below(links.len()) } else { 0 }], &octets);
        mutated.wire_octets = random.below(2000) as u32;
        let mode = if round % 7 == 0 { Tunnels::Outer } else { Tunnels::Inner };
        if let Ok(packet) = parse(&mutated, mode) {
            assert!((packet.payload_at + packet.payload_captured) as usize <= octets.len() || packet.payload_captured == 0);
            assert_eq!(packet.payload(&mutated).len(), packet.payload_captured as usize);
        }
    }
}
