//! Whatever two sides say to each other: no panic, ratios and scores within their bounds, and names that fit into a record.
#![no_main]

use flowmeter::app::{Ear, Payload, Place, Protocol};
use libfuzzer_sys::fuzz_target;

/// One packet: the side, how far its octets stand from where they should, how many were not captured, the octets.
type Said<'a> = (bool, i8, u8, &'a [u8]);

fuzz_target!(|input: (u8, bool, Vec<Said<'_>>)| {
    let (port, tcp, talk) = input;
    let by_port = Protocol::ALL.get(usize::from(port)).copied();
    let mut ear = Ear::default();
    let mut next = [u32::MAX - 40; 2];
    for (at, &(second, shift, missing, octets)) in talk.iter().enumerate() {
        let side = usize::from(second);
        let length = octets.len() as u32 + u32::from(missing);
        let payload = Payload {
            side,
            client: 0,
            now_ns: at as i64 * 1_000_000,
            octets,
            length,
            by_port,
        };
        if ear.is_deaf() || length == 0 {
            continue;
        }
        if tcp {
            let seq = next[side].wrapping_add_signed(i32::from(shift));
            ear.segment(&payload, Place { seq, first: None });
            next[side] = seq.wrapping_add(length);
        } else {
            ear.datagram(&payload);
        }
        if at % 8 == 7 {
            ear.settle(payload.now_ns, false);
            ear.cut();
        }
    }
    ear.settle(1 << 40, true);
    let Some(talk) = ear.talk() else { return };
    assert!(talk.host().is_none_or(|host| host.len() <= 4 * 255 && host.is_ascii()));
    assert!(talk.dns().is_none_or(|dns| !dns.name.is_empty() && dns.name.is_ascii()));
    for side in [0, 1] {
        if let Some(rtp) = talk.rtp(side) {
            assert!((0.0..=1.0).contains(&rtp.loss_ratio()));
            assert!(rtp.mos.is_none_or(|mos| (1.0..=5.0).contains(&mos)));
        }
    }
});
