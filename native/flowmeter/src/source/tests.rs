//! Capture files by hand: every byte order, resolution and compression, and every way to be broken.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use super::{CaptureFiles, FrameSource, Progress, SourceError};
use crate::packet::{LinkType, Passage, Tunnels};
use crate::parse::parse;

/// A frame, owned.
#[derive(Debug, PartialEq)]
struct Seen {
    ts_ns: i64,
    octets: Vec<u8>,
    wire: u32,
    link: LinkType,
    passage: Passage,
    interface: u16,
}

impl Seen {
    fn at(ts_ns: i64, octets: &[u8]) -> Self {
        Self {
            ts_ns,
            octets: octets.to_vec(),
            wire: octets.len() as u32,
            link: LinkType::Ethernet,
            passage: Passage::Unknown,
            interface: 0,
        }
    }
}

fn drain(source: &mut CaptureFiles) -> (Vec<Seen>, Option<SourceError>) {
    let mut seen = Vec::new();
    let mut keep = |frames: &[crate::packet::Frame<'_>]| {
        seen.extend(frames.iter().map(|frame| Seen {
            ts_ns: frame.ts_ns,
            octets: frame.octets.to_vec(),
            wire: frame.wire_octets,
            link: frame.link,
            passage: frame.passage,
            interface: frame.interface,
        }));
    };
    loop {
        match source.next_batch(&mut keep) {
            Ok(Progress::End) => return (seen, None),
            Ok(_) => {}
            Err(error) => return (seen, Some(error)),
        }
    }
}

/// Gives one octet a call, as a slow pipe does.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(1);
        self.0.read(&mut into[..most])
    }
}

fn open(octets: &[u8]) -> Result<CaptureFiles, SourceError> {
    CaptureFiles::from_reader("it", Box::new(Cursor::new(octets.to_vec())))
}

fn read(octets: &[u8]) -> (Vec<Seen>, Option<SourceError>) {
    let whole = drain(&mut open(octets).expect("a capture"));
    let trickle = Trickle(Cursor::new(octets.to_vec()));
    let trickled = drain(&mut CaptureFiles::from_reader("it", Box::new(trickle)).expect("a capture"));
    assert_eq!(whole.0, trickled.0, "octets that come singly give other frames");
    whole
}

#[track_caller]
fn reads(octets: &[u8], frames: &[Seen]) {
    let (seen, error) = read(octets);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen, frames);
}

/// Numbers in the byte order of a file.
#[derive(Clone, Copy)]
struct Order(bool);

const ORDERS: [Order; 2] = [Order(false), Order(true)];

impl Order {
    fn u16(self, number: u16) -> Vec<u8> {
        if self.0 { number.to_be_bytes() } else { number.to_le_bytes() }.to_vec()
    }

    fn u32(self, number: u32) -> Vec<u8> {
        if self.0 { number.to_be_bytes() } else { number.to_le_bytes() }.to_vec()
    }

    fn u32s(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| self.u32(*number)).collect()
    }

    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        [self.u32(magic), self.u16(2), self.u16(4), self.u32s(&[0, 0, 65535, link])].concat()
    }

    fn record(self, seconds: u32, fraction: u32, octets: &[u8]) -> Vec<u8> {
        let length = octets.len() as u32;
        [self.u32s(&[seconds, fraction, length, length]), octets.to_vec()].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = self.u32(padded as u32 + 12);
        let padding = vec![0; padded - body.len()];
        [&self.u32(kind)[..], &length, body, &padding, &length].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.u16(code)[..], &self.u16(value.len() as u16), value, &padding].concat()
    }

    fn interface(self, link: u16, snap: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &[0, 0], &self.u32(snap), options].concat())
    }

    fn enhanced(self, interface: u32, units: u64, octets: &[u8], options: &[u8]) -> Vec<u8> {
        let length = octets.len() as u32;
        let fields = [interface, (units >> 32) as u32, units as u32, length, length];
        let padding = vec![0; octets.len().next_multiple_of(4) - octets.len()];
        self.block(6, &[&self.u32s(&fields)[..], octets, &padding, options].concat())
    }
}

fn little_pcap(times: &[u32]) -> Vec<u8> {
    let order = Order(false);
    let mut file = order.pcap(0xa1b2_c3d4, 1);
    for &seconds in times {
        file.extend(order.record(seconds, 0, &seconds.to_be_bytes()));
    }
    file
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in ORDERS {
        let micro = [
            order.pcap(0xa1b2_c3d4, 1),
            order.record(7, 5, b"abc"),
            order.record(8, 0, b""),
        ]
        .concat();
        reads(&micro, &[Seen::at(7_000_005_000, b"abc"), Seen::at(8_000_000_000, b"")]);
        let nano = [order.pcap(0xa1b2_3c4d, 1), order.record(7, 5, b"abc")].concat();
        reads(&nano, &[Seen::at(7_000_000_005, b"abc")]);
        let patched = [order.pcap(0xa1b2_cd34, 1), order.u32s(&[7, 5, 3, 3, 0, 0]), b"abc".to_vec()].concat();
        reads(&patched, &[Seen::at(7_000_005_000, b"abc")]);
    }
}

#[test]
fn the_wire_length_and_the_link_type_come_from_the_file() {
    let order = Order(true);
    let file = [
        order.pcap(0xa1b2_c3d4, 0x1400_0065),
        order.u32s(&[1, 0, 2, 1500]),
        b"ab".to_vec(),
    ]
    .concat();
    let (seen, _) = read(&file);
    assert_eq!((seen[0].wire, seen[0].link), (1500, LinkType::RawIp));
}

#[test]
fn pcapng_interfaces_have_their_own_clocks_and_sections_their_own_byte_order() {
    let mut file = Vec::new();
    let mut expected = Vec::new();
    for (base, order) in [(0, Order(true)), (4, Order(false))] {
        file.extend(order.section());
        file.extend(order.interface(1, 0, &[]));
        file.extend(order.interface(101, 0, &order.option(9, &[9])));
        file.extend(order.interface(1, 0, &order.option(9, &[0x8a])));
        let seconds = if order.0 {
            100_u64.to_be_bytes()
        } else {
            100_u64.to_le_bytes()
        };
        file.extend(order.interface(1, 0, &[order.option(9, &[12]), order.option(14, &seconds)].concat()));
        file.extend(order.enhanced(0, 5, b"abc", &[]));
        file.extend(order.block(0x0bad, b"unknown blocks are skipped"));
        file.extend(order.enhanced(1, 5_000_000_006, b"abcd", &order.option(2, &order.u32(2))));
        file.extend(order.enhanced(2, 1536, b"a", &[]));
        file.extend(order.enhanced(3, 7000, b"", &[]));
        for (interface, frame) in [
            Seen::at(5_000, b"abc"),
            Seen {
                link: LinkType::RawIp,
                passage: Passage::Outgoing,
                ..Seen::at(5_000_000_006, b"abcd")
            },
            Seen::at(1_500_000_000, b"a"),
            Seen::at(100_000_000_007, b""),
        ]
        .into_iter()
        .enumerate()
        {
            expected.push(Seen {
                interface: base + interface as u16,
                ..frame
            });
        }
    }
    reads(&file, &expected);
}

#[test]
fn simple_and_obsolete_packet_blocks_are_read() {
    for order in ORDERS {
        let obsolete = [order.u16(0), order.u16(0), order.u32s(&[0, 9, 3, 3]), b"abc\0".to_vec()].concat();
        let simple = [order.u32(9), b"wxyz".to_vec()].concat();
        let file = [
            order.section(),
            order.interface(1, 4, &[]),
            order.block(2, &obsolete),
            order.block(3, &simple),
        ]
        .concat();
        let cut = Seen {
            wire: 9,
            ..Seen::at(9_000, b"wxyz")
        };
        reads(&file, &[Seen::at(9_000, b"abc"), cut]);
    }
}

#[test]
fn a_cut_file_gives_its_frames_first_and_says_where_it_ends() {
    let file = little_pcap(&[1, 2]);
    for left in 1..20 {
        let (seen, error) = read(&file[..file.len() - left]);
        assert_eq!(seen.len(), 1);
        assert!(matches!(error, Some(SourceError::CutShort { offset: 44, .. })), "{error:?}");
    }
    let ng = [Order(false).section(), Order(false).interface(1, 0, &[])].concat();
    let (_, error) = read(&ng[..ng.len() - 3]);
    assert!(matches!(error, Some(SourceError::CutShort { offset: 28, .. })), "{error:?}");
    assert!(matches!(open(&file[..20]), Err(SourceError::CutShort { offset: 0, .. })));
}

#[test]
fn what_is_no_capture_is_told_apart_from_what_is_empty() {
    assert!(matches!(open(b""), Err(SourceError::Empty { .. })));
    for other in [&b"abc"[..], b"GET / HTTP/1.1", &[0; 64]] {
        assert!(matches!(open(other), Err(SourceError::NotACapture { .. })));
    }
    let missing = CaptureFiles::open(&["/nonexistent/x.pcap"]).err();
    assert!(matches!(missing, Some(SourceError::Io { .. })), "{missing:?}");
}

#[test]
fn a_length_that_cannot_be_is_an_error_with_its_octet() {
    let order = Order(false);
    let mut huge = little_pcap(&[1]);
    huge.extend(order.u32s(&[2, 0, 0x7fff_ffff, 9]));
    let (seen, error) = read(&huge);
    assert_eq!(seen.len(), 1);
    assert!(matches!(error, Some(SourceError::Malformed { offset: 44, .. })), "{error:?}");
    let start = [order.section(), order.interface(1, 0, &[])].concat();
    let at = start.len() as u64;
    for block in [
        order.u32s(&[6, 0xffff_fff0, 0]),
        order.u32s(&[6, 8, 0]),
        order.u32s(&[6, 33, 0]),
        order.u32s(&[6, 16, 0, 20]),
        order.enhanced(1, 0, b"abc", &[]),
        order.block(6, &order.u32s(&[0, 0])),
        order.block(6, &order.u32s(&[0, 0, 0, 99, 99])),
        order.block(1, &[0; 4]),
        order.block(0x0a0d_0d0a, &[0; 16]),
    ] {
        let (_, error) = read(&[start.clone(), block].concat());
        assert!(
            matches!(error, Some(SourceError::Malformed { offset, .. }) if offset == at),
            "{error:?}"
        );
    }
}

#[test]
fn gzip_and_zstd_are_undone_and_their_cut_ends_are_cut_files() {
    let file = little_pcap(&(0..5000).collect::<Vec<_>>());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&file).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&file[..], 1).unwrap();
    for packed in [&gzip, &zstd] {
        let (seen, error) = read(packed);
        assert!(error.is_none() && seen.len() == 5000, "{error:?}");
        let cut = open(&packed[..packed.len() / 2]);
        let error = cut.map_or_else(Some, |mut source| drain(&mut source).1);
        assert!(matches!(error, Some(SourceError::CutShort { .. })), "{error:?}");
    }
}

#[test]
fn frames_larger_than_the_buffer_are_read() {
    let order = Order(false);
    let large = vec![7; 1 << 20];
    let start = [order.section(), order.interface(1, 0, &[])].concat();
    let file = [
        start,
        order.enhanced(0, 1000, &large, &[]),
        order.enhanced(0, 2000, b"abc", &[]),
    ]
    .concat();
    let (seen, error) = drain(&mut open(&file).unwrap());
    assert!(error.is_none());
    assert_eq!((seen[0].octets.len(), &seen[1].octets[..]), (1 << 20, &b"abc"[..]));
}

/// A directory of its own that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flowmeter-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, octets).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn several_files_are_merged_by_time_and_a_cut_one_is_told_at_the_end() {
    let folder = Folder::new("merge");
    let evens: Vec<u32> = (0..1000).map(|number| number * 2).collect();
    let odds: Vec<u32> = evens.iter().map(|number| number + 1).collect();
    let mut cut = little_pcap(&[500, 900, 901]);
    cut.truncate(cut.len() - 2);
    let paths = [
        folder.file("b", &little_pcap(&odds)),
        folder.file("cut", &cut),
        folder.file("none", &little_pcap(&[])),
        folder.file("a", &little_pcap(&evens)),
    ];
    let (seen, error) = drain(&mut CaptureFiles::open(&paths).unwrap());
    assert_eq!(seen.len(), 2002);
    assert!(seen.windows(2).all(|pair| pair[0].ts_ns <= pair[1].ts_ns));
    assert!(matches!(error, Some(SourceError::CutShort { .. })), "{error:?}");
}

#[test]
fn a_source_says_that_it_is_at_its_end_again() {
    let mut source = open(&little_pcap(&[1])).unwrap();
    assert_eq!(drain(&mut source).0.len(), 1);
    assert!(matches!(source.next_batch(&mut |_| panic!("no frame")), Ok(Progress::End)));
    assert_eq!(source.counts().frames, 1);
}

/// Every capture file below a folder.
fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            captures(&path, found);
        } else if path
            .extension()
            .is_some_and(|ending| ["pcap", "pcapng", "cap", "gz"].iter().any(|known| ending == *known))
        {
            found.push(path);
        }
    }
}

/// `FLOWMETER_CAPTURES=FOLDER cargo test -p flowmeter -- --ignored --nocapture` prints what became of each.
#[test]
#[ignore = "needs a folder of captures"]
fn any_capture_is_read_without_panic() {
    let mut found = Vec::new();
    captures(Path::new(&std::env::var("FLOWMETER_CAPTURES").expect("a folder")), &mut found);
    found.sort();
    for path in found {
        let (mut frames, mut parsed, mut reasons) = (0_u64, 0_u64, std::collections::BTreeMap::new());
        let end = CaptureFiles::open(&[&path]).and_then(|mut source| loop {
            let progress = source.next_batch(&mut |batch| {
                for frame in batch {
                    frames += 1;
                    match parse(frame, Tunnels::Inner) {
                        Ok(packet) => parsed += u64::from(packet.payload(frame).len() <= frame.octets.len()),
                        Err(reason) => *reasons.entry((reason.name(), format!("{:?}", frame.link))).or_insert(0) += 1,
                    }
                }
            })?;
            if progress == Progress::End {
                return Ok(());
            }
        });
        println!("{} {frames} {parsed} {reasons:?} {end:?}", path.display());
    }
}
