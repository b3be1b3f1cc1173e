//! Whatever stands between header and seal: no panic, and every column as long as every other.
#![no_main]

use ipfix::batch;
use ipfix::decode::Decoder;
use ipfix::message::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = batch::open(octets);
    let mut numbered = octets.to_vec();
    let _ = batch::number_messages(&mut numbered);
    let (mut decoder, mut at) = (Decoder::new(), 0);
    while let Ok(message) = Message::read(octets, at) {
        decoder.message(&message);
        at += message.octets.len();
    }
    let (found, _) = decoder.finish().expect("columns of one length");
    for part in found {
        assert!(part
            .batch
            .columns()
            .iter()
            .all(|column| column.len() == part.batch.num_rows()));
    }
});
