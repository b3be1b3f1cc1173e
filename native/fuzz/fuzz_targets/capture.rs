//! Whatever stands in a file: no panic, no more octets given than are there, and the end is reached.
#![no_main]

use std::io::Cursor;

use flowmeter::source::{CaptureFiles, FrameSource, Progress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    // What is compressed may be any number of times as long.
    let packed = octets.starts_with(&[0x1f, 0x8b]) || octets.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let Ok(mut source) = CaptureFiles::from_reader("it", Box::new(Cursor::new(octets.to_vec()))) else {
        return;
    };
    let mut given = 0;
    let mut sum = |frames: &[flowmeter::packet::Frame<'_>]| given += frames.iter().map(|frame| frame.octets.len()).sum::<usize>();
    while let Ok(Progress::More) = source.next_batch(&mut sum) {}
    assert!(packed || given <= octets.len());
});
