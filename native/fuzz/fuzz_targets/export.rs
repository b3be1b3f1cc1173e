//! Whatever two exporters send in turns: no panic, and the rows given are the records counted.
#![no_main]

use ipfix::export::ExportDecoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagrams: Vec<&[u8]>| {
    let mut decoder = ExportDecoder::new();
    let mut rows = 0;
    for (number, datagram) in datagrams.iter().enumerate() {
        rows += decoder.datagram(datagram, if number % 2 == 0 { "a" } else { "b" }).len() as u64;
    }
    assert_eq!(decoder.counts().records, rows);
});
