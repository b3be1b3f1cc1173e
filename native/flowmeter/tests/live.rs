//! Capture from real interfaces, in network namespaces of the tests' own. Without the right to make one there is nothing to see:
//! then each test only asks for the error that says so.

use std::io;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flowmeter::packet::{Frame, Packet, Passage, Tunnels};
use flowmeter::parse::parse;
use flowmeter::source::{FrameSource, LiveCapture, LiveOptions, Progress, SourceError};

const PATIENCE: Duration = Duration::from_secs(5);

/// Run in a fresh network namespace, which is the thread's alone and goes with it.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let (done, result) = mpsc::channel();
    let worker = thread::spawn(move || {
        // SAFETY: a plain system call on a number; it concerns this thread only.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let refused = LiveCapture::open("lo", LiveOptions::default()).err();
            assert_eq!(
                kind(&refused.expect("no right to capture either")),
                io::ErrorKind::PermissionDenied
            );
        } else {
            ip("link set lo up");
            test();
        }
        let _ = done.send(());
    });
    let _ = result.recv_timeout(Duration::from_secs(60));
    worker.join().expect("the test in the namespace");
}

fn kind(error: &SourceError) -> io::ErrorKind {
    match error {
        SourceError::Io { error, .. } => error.kind(),
        other => panic!("{other}"),
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2");
    assert!(status.success(), "ip {arguments}");
}

/// Both ends of a cable, without offloads, and nothing on it but what the test sends.
fn cable() {
    ip("link add near type veth peer name far");
    for end in ["near", "far"] {
        let quiet = format!("/proc/sys/net/ipv6/conf/{end}/disable_ipv6");
        let _ = std::fs::write(quiet, "1");
        ip(&format!("link set {end} up"));
    }
}

fn open(name: &str, options: LiveOptions) -> LiveCapture {
    LiveCapture::open(name, options).expect("a capture")
}

/// What a frame was, owned.
#[derive(Debug)]
struct Seen {
    packet: Option<Packet>,
    ts_ns: i64,
    captured: usize,
    wire: u32,
    vlans: Vec<u16>,
    passage: Passage,
    super_segment: bool,
}

/// Call the source until it gave `count` frames that `wanted` likes.
fn collect(source: &mut LiveCapture, count: usize, wanted: fn(&Packet) -> bool) -> Vec<Seen> {
    let (mut seen, until) = (Vec::new(), Instant::now() + PATIENCE);
    while seen.len() < count && Instant::now() < until {
        let mut keep = |frames: &[Frame<'_>]| {
            for frame in frames {
                let packet = parse(frame, Tunnels::Inner).ok();
                if packet.as_ref().is_some_and(wanted) {
                    seen.push(Seen {
                        packet,
                        ts_ns: frame.ts_ns,
                        captured: frame.octets.len(),
                        wire: frame.wire_octets,
                        vlans: frame.vlans.tcis().to_vec(),
                        passage: frame.passage,
                        super_segment: frame.super_segment,
                    });
                }
            }
        };
        source.next_batch(&mut keep).expect("frames");
    }
    seen
}

fn payload_octets(seen: &Seen) -> u32 {
    seen.packet.unwrap().tcp().unwrap().payload_octets
}

/// A UDP packet in an Ethernet frame, tagged when there is a tag.
fn frame_to(port: u16, tag: Option<u16>, payload: usize) -> Vec<u8> {
    let mut octets = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];
    if let Some(tci) = tag {
        octets.extend([0x81, 0x00]);
        octets.extend(tci.to_be_bytes());
    }
    octets.extend([0x08, 0x00, 0x45, 0]);
    octets.extend((28 + payload as u16).to_be_bytes());
    octets.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39]);
    octets.extend(port.to_be_bytes());
    octets.extend((8 + payload as u16).to_be_bytes());
    octets.extend([0, 0]);
    octets.resize(octets.len() + payload, 0);
    octets
}

/// Puts frames on an interface as they are.
struct Sender(std::os::fd::OwnedFd, libc::sockaddr_ll);

impl Sender {
    fn on(name: &std::ffi::CStr) -> Self {
        use std::os::fd::FromRawFd;
        // SAFETY: plain system calls; the descriptor is checked before it is owned, the address is plain numbers.
        unsafe {
            let descriptor = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
            assert!(descriptor >= 0);
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as i32;
            Self(std::os::fd::OwnedFd::from_raw_fd(descriptor), address)
        }
    }

    fn send(&self, octets: &[u8]) {
        use std::os::fd::AsRawFd;
        // SAFETY: both pointers come with the lengths of live values.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                octets.as_ptr().cast(),
                octets.len(),
                0,
                (&raw const self.1).cast(),
                size_of::<libc::sockaddr_ll>() as u32,
            )
        };
        assert_eq!(sent, octets.len() as isize, "{}", io::Error::last_os_error());
    }
}

#[test]
fn a_loopback_device_gives_every_packet_once() {
    in_namespace(|| {
        let mut source = open("lo", LiveOptions::default());
        let (sender, receiver) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:7007").unwrap(),
        );
        for number in 0..100_u8 {
            sender.send_to(&[number; 10], receiver.local_addr().unwrap()).unwrap();
        }
        let last = UdpSocket::bind("127.0.0.1:7008").unwrap();
        sender.send_to(&[0; 10], last.local_addr().unwrap()).unwrap();
        let seen = collect(&mut source, 101, |packet| (7007..=7008).contains(&packet.destination_port));
        let ports = seen.iter().map(|frame| frame.packet.unwrap().destination_port);
        assert_eq!(ports.collect::<Vec<_>>(), [vec![7007; 100], vec![7008]].concat());
        assert!(seen.iter().all(|frame| frame.wire == 52 && frame.captured == 52));
        assert!(seen.windows(2).all(|pair| pair[0].ts_ns <= pair[1].ts_ns));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!((now.as_nanos() as i64 - seen[0].ts_ns).abs() < 60_000_000_000);
        let counts = source.counts();
        assert_eq!((counts.copies, counts.dropped), (101, 0));
        assert_eq!(counts.received, counts.frames + counts.copies);
    });
}

#[test]
fn a_tag_that_the_kernel_took_out_counts_as_on_the_wire() {
    in_namespace(|| {
        cable();
        let mut source = open("far", LiveOptions::default());
        let sender = Sender::on(c"near");
        sender.send(&frame_to(7007, Some(0x2005), 100));
        sender.send(&frame_to(7007, None, 100));
        let seen = collect(&mut source, 2, |packet| packet.destination_port == 7007);
        let octets: Vec<_> = seen
            .iter()
            .map(|frame| (frame.wire, frame.packet.unwrap().ip_octets))
            .collect();
        assert_eq!(octets, [(146, 128), (142, 128)]);
        assert_eq!(seen[0].vlans, [0x2005]);
        let around: Vec<_> = seen[0]
            .packet
            .unwrap()
            .encapsulations
            .as_slice()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(around, ["vlan:5"]);
        assert_eq!(seen[1].passage, Passage::Incoming);
    });
}

#[test]
fn frames_going_out_are_told_from_those_coming_in() {
    in_namespace(|| {
        cable();
        let mut source = open("near", LiveOptions::default());
        Sender::on(c"near").send(&frame_to(7007, None, 10));
        Sender::on(c"far").send(&frame_to(7008, None, 10));
        let seen = collect(&mut source, 2, |packet| packet.destination_port > 7000);
        let passages: Vec<_> = seen
            .iter()
            .map(|frame| (frame.packet.unwrap().destination_port, frame.passage))
            .collect();
        assert_eq!(passages, [(7007, Passage::Outgoing), (7008, Passage::Incoming)]);
    });
}

#[test]
fn a_snap_length_cuts_what_is_kept_and_not_what_is_counted() {
    in_namespace(|| {
        cable();
        let options = LiveOptions {
            snap_octets: Some(64),
            ..LiveOptions::default()
        };
        let mut source = open("far", options);
        Sender::on(c"near").send(&frame_to(7007, None, 1000));
        let seen = collect(&mut source, 1, |packet| packet.destination_port == 7007);
        assert_eq!((seen[0].captured, seen[0].wire), (64, 1042));
        assert!(seen[0].packet.unwrap().truncated);
    });
}

#[test]
fn a_host_s_super_segment_is_told() {
    in_namespace(|| {
        use std::io::{Read, Write};
        ip("link set lo mtu 1500");
        let mut source = open("lo", LiveOptions::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:7007").unwrap();
        let mut client = std::net::TcpStream::connect("127.0.0.1:7007").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&vec![0; 30_000]).unwrap();
        server.read_exact(&mut vec![0; 30_000]).unwrap();
        // One block has them all, or a few have: as long as octets are missing, ask for one frame more.
        let (mut seen, mut payload) = (Vec::new(), 0);
        let until = Instant::now() + PATIENCE;
        while payload < 30_000 && Instant::now() < until {
            seen.extend(collect(&mut source, 1, |packet| packet.destination_port == 7007));
            payload = seen.iter().map(payload_octets).sum::<u32>();
        }
        assert!(seen.iter().any(|frame| frame.super_segment && frame.wire > 1514), "{seen:?}");
        assert!(!seen[0].super_segment, "a SYN is one packet");
        assert_eq!(payload, 30_000);
    });
}

#[test]
fn every_frame_that_did_not_fit_the_ring_is_counted_as_dropped() {
    in_namespace(|| {
        cable();
        let options = LiveOptions {
            ring_octets: 256 << 10,
            ..LiveOptions::default()
        };
        let mut source = open("far", options);
        let sender = Sender::on(c"near");
        for _ in 0..1000 {
            sender.send(&frame_to(7007, None, 1000));
        }
        let mut seen = 0;
        while source.next_batch(&mut |frames| seen += frames.len() as u64).unwrap() != Progress::Idle {}
        let counts = source.counts();
        assert!(counts.dropped > 0 && counts.freezes > 0, "{counts:?}");
        assert_eq!((counts.frames + counts.dropped, counts.received), (1000, 1000));
        assert_eq!(seen, counts.frames);
    });
}

#[test]
fn silence_and_a_link_that_is_down_are_idle_and_frames_come_again_after() {
    in_namespace(|| {
        cable();
        let options = LiveOptions {
            patience_ms: 20,
            ..LiveOptions::default()
        };
        let mut source = open("far", options);
        assert_eq!(source.next_batch(&mut |_| {}).unwrap(), Progress::Idle);
        ip("link set far down");
        for _ in 0..3 {
            assert_eq!(source.next_batch(&mut |_| {}).unwrap(), Progress::Idle);
        }
        ip("link set far up");
        Sender::on(c"near").send(&frame_to(7007, None, 10));
        assert_eq!(collect(&mut source, 1, |packet| packet.destination_port == 7007).len(), 1);
    });
}

#[test]
fn an_interface_that_is_not_there_or_goes_away_is_an_error() {
    in_namespace(|| {
        let no_device =
            |error: &SourceError| matches!(error, SourceError::Io { error, .. } if error.raw_os_error() == Some(libc::ENODEV));
        let missing = LiveCapture::open("nowhere", LiveOptions::default())
            .err()
            .expect("no capture");
        assert!(no_device(&missing), "{missing}");
        cable();
        let mut source = open("far", LiveOptions::default());
        ip("link delete near");
        let until = Instant::now() + PATIENCE;
        let gone = loop {
            assert!(Instant::now() < until, "it never said so");
            if let Err(error) = source.next_batch(&mut |_| {}) {
                break error;
            }
        };
        assert!(no_device(&gone), "{gone}");
    });
}
