//! Frames by hand, one encapsulation each, and frames that are broken on purpose.

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

#[test]
fn plain_tcp_over_ipv4_is_read_field_by_field() {
    let octets = ethernet(0x0800, &v4(6, &tcp()));
    let packet = read(&octets);
    is_the_segment(&packet, &octets);
    assert_eq!((&packet.source.0[..4], &packet.destination.0[..4]), (&A[..], &B[..]));
    assert_eq!(
        (packet.is_v6, packet.protocol, packet.ttl, packet.ip_octets),
        (false, 6, 64, 43)
    );
    assert_eq!(
        (packet.ip_id, packet.ip_checksum, packet.fragment),
        (Some(0x1234), 0x5678, None)
    );
    assert_eq!((packet.ip_at, packet.outer_ip_at), (14, 14));
}

#[test]
fn ethernet_padding_is_no_payload() {
    let mut octets = ethernet(0x0800, &v4(6, &tcp()));
    octets.extend([0; 9]);
    is_the_segment(&read(&octets), &octets);
}

#[test]
fn ipv4_options_are_stepped_over() {
    finds(&ethernet(0x0800, &v4_with(6, [0, 0], &[1, 1, 1, 0, 0, 0, 0, 0], &tcp())), &[]);
}

#[test]
fn total_length_zero_means_the_wire_length() {
    let mut octets = ethernet(0x0800, &v4(6, &tcp()));
    octets[16..18].fill(0);
    let packet = read(&octets);
    assert_eq!((packet.ip_octets, packet.tcp().unwrap().payload_octets), (43, 3));
    let mut octets = ethernet(0x86dd, &v6(6, &tcp()));
    octets[18..20].fill(0);
    assert_eq!(read(&octets).ip_octets, 63);
}

#[test]
fn payload_is_counted_by_the_ip_length_when_the_frame_is_cut() {
    let whole = ethernet(0x0800, &v4(6, &tcp()));
    let cut = Frame {
        octets: &whole[..54],
        wire_octets: whole.len() as u32,
        ..Frame::default()
    };
    let packet = parse(&cut, Tunnels::Inner).unwrap();
    assert_eq!((packet.tcp().unwrap().payload_octets, packet.payload_captured), (3, 0));
    assert!(packet.truncated && !packet.header_cut);
}

#[test]
fn a_tcp_header_cut_by_the_snap_length_leaves_ports_and_says_so() {
    let whole = ethernet(0x0800, &v4(6, &tcp()));
    let cut = Frame {
        octets: &whole[..42],
        wire_octets: whole.len() as u32,
        ..Frame::default()
    };
    let packet = parse(&cut, Tunnels::Inner).unwrap();
    assert_eq!((packet.source_port, packet.transport), (12345, Transport::Other));
    assert!(packet.truncated && packet.header_cut);
}

#[test]
fn options_of_a_syn_are_read() {
    let mut segment = tcp()[..20].to_vec();
    (segment[12], segment[13]) = (0xb0, 0x02);
    segment.extend([2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1, 3, 3, 99, 0, 0, 0, 0]);
    let packet = read(&ethernet(0x0800, &v4(6, &segment)));
    let syn = packet.tcp().unwrap();
    assert_eq!((syn.mss, syn.window_shift, syn.sack_permitted), (Some(1460), Some(14), true));
    assert_eq!((syn.timestamps, syn.payload_octets), (Some((5, 6)), 0));
}

#[test]
fn sack_blocks_are_read_and_a_broken_option_ends_the_options() {
    let mut segment = tcp()[..20].to_vec();
    segment[12] = 0xb0;
    segment.extend([1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 8, 200, 0, 0]);
    let packet = read(&ethernet(0x0800, &v4(6, &segment)));
    let ack = packet.tcp().unwrap();
    assert_eq!((ack.sacks(), ack.timestamps), (&[(1, 2), (3, 4)][..], None));
}

#[test]
fn a_tcp_header_longer_than_the_packet_is_no_tcp_header() {
    let mut segment = tcp();
    segment[12] = 0xf0;
    let packet = read(&ethernet(0x0800, &v4(6, &segment)));
    assert!(packet.tcp().is_none() && packet.header_cut);
    assert_eq!(packet.destination_port, 80);
}

#[test]
fn udp_payload_is_by_its_own_length_when_that_fits() {
    let octets = ethernet(0x0800, &v4(17, &udp(53, 5353, b"abcd")));
    assert_eq!(read(&octets).transport, Transport::Udp { payload_octets: 4 });
    let mut wrong = octets.clone();
    wrong[38..40].fill(0xff);
    assert_eq!(read(&wrong).transport, Transport::Udp { payload_octets: 4 });
}

#[test]
fn other_protocols_have_ports_where_they_have_them() {
    let sctp = read(&ethernet(0x0800, &v4(132, &tcp())));
    assert_eq!((sctp.source_port, sctp.transport), (12345, Transport::Other));
    assert_eq!(read(&ethernet(0x0800, &v4(50, &tcp()))).source_port, 0);
}

#[test]
fn echo_request_and_reply_have_ports_that_meet() {
    let request = read(&ethernet(0x0800, &v4(1, &[8, 0, 0, 0, 0x12, 0x34, 0, 1])));
    let reply = read(&ethernet(0x0800, &v4(1, &[0, 0, 0, 0, 0x12, 0x34, 0, 1])));
    assert_eq!((request.source_port, request.destination_port), (0x1234, 8 * 256));
    assert_eq!((reply.destination_port, reply.source_port), (0x1234, 8 * 256));
    let Transport::Icmp(message) = reply.transport else {
        panic!("ICMP")
    };
    assert!(message.is_reply && !message.is_error);
    let request = read(&ethernet(0x86dd, &v6(58, &[128, 0, 0, 0, 0x12, 0x34, 0, 1])));
    assert_eq!((request.source_port, request.destination_port), (0x1234, 128 * 256));
}

#[test]
fn the_packet_quoted_by_an_icmp_error_is_no_flow() {
    let octets = ethernet(0x0800, &v4(1, &join(&[&[3, 4, 0, 0, 0, 0, 0, 0], &v4(6, &tcp())])));
    let packet = read(&octets);
    assert_eq!(
        (packet.protocol, packet.source_port, packet.destination_port),
        (1, 0, 3 * 256 + 4)
    );
    assert!(matches!(packet.transport, Transport::Icmp(message) if message.is_error));
}

#[test]
fn only_the_first_fragment_has_ports() {
    let first = read(&ethernet(0x0800, &v4_with(17, [0x20, 0x00], &[], &udp(1, 2, b"abcdefgh"))));
    let fragment = first.fragment.unwrap();
    assert_eq!((fragment.id, fragment.offset, fragment.more), (0x1234, 0, true));
    assert_eq!((first.source_port, first.destination_port), (1, 2));
    let last = read(&ethernet(0x0800, &v4_with(17, [0x00, 0x02], &[], &udp(1, 2, b"ab"))));
    let fragment = last.fragment.unwrap();
    assert_eq!((fragment.offset, fragment.more, fragment.is_first()), (16, false, false));
    assert_eq!(
        (last.source_port, last.transport, last.header_cut),
        (0, Transport::Other, false)
    );
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    let hop_by_hop = [60, 0, 5, 2, 0, 0, 1, 0];
    let destination = [43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let routing = [51, 0, 0, 0, 0, 0, 0, 0];
    let authentication = [6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let body = join(&[&hop_by_hop, &destination, &routing, &authentication, &tcp()]);
    finds(&ethernet(0x86dd, &v6(0, &body)), &[]);
    finds(&ethernet(0x0800, &v4(51, &join(&[&authentication, &tcp()]))), &[]);
}

#[test]
fn ipv6_fragments_are_told_and_an_atomic_one_is_whole() {
    let later = join(&[&[6, 0, 0, 0x11, 0, 1, 0, 9], &tcp()]);
    let packet = read(&ethernet(0x86dd, &v6(44, &later)));
    let fragment = packet.fragment.unwrap();
    assert_eq!((fragment.id, fragment.offset, fragment.more), (0x0001_0009, 16, true));
    assert_eq!((packet.protocol, packet.source_port), (6, 0));
    let atomic = join(&[&[6, 0, 0, 0, 0, 1, 0, 9], &tcp()]);
    let octets = ethernet(0x86dd, &v6(44, &atomic));
    finds(&octets, &[]);
    assert_eq!((read(&octets).fragment, read(&octets).ip_id), (None, Some(9)));
}

#[test]
fn vlan_tags_inline_and_from_the_ring_give_the_same_packet() {
    let inner = v4(6, &tcp());
    let inline = ethernet(0x88a8, &join(&[&[0x20, 5, 0x81, 0], &[0, 6, 0x08, 0], &inner]));
    finds(&inline, &["vlan:5", "vlan:6"]);
    let stripped = ethernet(0x8100, &join(&[&[0, 6, 0x08, 0], &inner]));
    let mut from_ring = frame(LinkType::Ethernet, &stripped);
    from_ring.vlans.push(0x2005);
    let packet = parse(&from_ring, Tunnels::Inner).unwrap();
    assert_eq!(around(&packet), ["vlan:5", "vlan:6"]);
}

#[test]
fn mpls_labels_lead_to_either_ip_version() {
    let labels = [0, 0x06, 0x40, 255, 0, 0x0c, 0x81, 255];
    let octets = ethernet(0x8847, &join(&[&labels, &v4(6, &tcp())]));
    finds(&octets, &["mpls:100", "mpls:200"]);
    finds(
        &ethernet(0x8847, &join(&[&labels, &v6(6, &tcp())])),
        &["mpls:100", "mpls:200"],
    );
}

#[test]
fn ethernet_over_mpls_is_found_with_and_without_control_word() {
    let label = [0, 0x06, 0x41, 255];
    let inner = ethernet(0x8100, &join(&[&[0, 7, 0x08, 0], &v4(6, &tcp())]));
    finds(
        &ethernet(0x8847, &join(&[&label, &[0, 0, 0, 9], &inner])),
        &["mpls:100", "vlan:7"],
    );
    finds(&ethernet(0x8847, &join(&[&label, &inner])), &["mpls:100", "vlan:7"]);
    let mut like_v4 = inner.clone();
    like_v4[..4].copy_from_slice(&[0x45, 0, 0xff, 0xff]);
    finds(&ethernet(0x8847, &join(&[&label, &like_v4])), &["mpls:100", "vlan:7"]);
}

#[test]
fn pppoe_sessions_are_entered_and_discovery_is_not_ip() {
    let inner = v4(6, &tcp());
    let session = join(&[&[0x11, 0, 0x01, 0x02], &be16(inner.len() + 2), &[0, 0x21], &inner]);
    finds(&ethernet(0x8864, &session), &["pppoe:258"]);
    is_the_segment(&read_as(LinkType::PppoeSession, &session), &session);
    assert_eq!(refused(&ethernet(0x8863, &session)), Unparsed::NotIp);
}

#[test]
fn other_link_types_lead_to_the_packet() {
    let (four, six) = (v4(6, &tcp()), v6(6, &tcp()));
    for (link, header, inner) in [
        (LinkType::RawIp, vec![], &four),
        (LinkType::RawIp, vec![], &six),
        (
            LinkType::LinuxSll,
            vec![0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0],
            &four,
        ),
        (LinkType::LinuxSll2, join(&[&[8, 0], &[0; 18]]), &four),
        (LinkType::BsdNull, vec![2, 0, 0, 0], &four),
        (LinkType::BsdNull, vec![0, 0, 0, 2], &four),
        (LinkType::BsdNull, vec![30, 0, 0, 0], &six),
        (LinkType::BsdLoop, vec![0, 0, 0, 24], &six),
        (LinkType::Ppp, vec![0xff, 3, 0, 0x21], &four),
        (LinkType::Ppp, vec![0x21], &four),
        (LinkType::Ppp, vec![0, 0x57], &six),
        (LinkType::Hdlc, vec![0x0f, 0, 8, 0], &four),
        (LinkType::Hdlc, vec![0xff, 3, 0, 0x57], &six),
    ] {
        let octets = join(&[&header, inner]);
        is_the_segment(&read_as(link, &octets), &octets);
    }
    let unknown = parse(&frame(LinkType::from_number(147), &four), Tunnels::Inner);
    assert_eq!(unknown, Err(Unparsed::UnknownLinkType));
}

#[test]
fn snap_headers_lead_to_the_packet() {
    let inner = v4(6, &tcp());
    let octets = ethernet(0x0040, &join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner]));
    finds(&octets, &[]);
}

#[test]
fn gre_is_entered_with_every_optional_field() {
    let inner = v4(6, &tcp());
    let plain = ethernet(0x0800, &v4(47, &join(&[&[0, 0, 8, 0], &inner])));
    finds(&plain, &["gre"]);
    outer_is(&plain, 47);
    let all = [0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5];
    finds(&ethernet(0x0800, &v4(47, &join(&[&all, &inner]))), &["gre:256"]);
    let bridged = join(&[&[0x20, 0, 0x65, 0x58, 0, 0, 9, 1], &ethernet(0x0800, &inner)]);
    finds(&ethernet(0x0800, &v4(47, &bridged)), &["gre:2305"]);
    let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 47, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
    finds(&ethernet(0x0800, &v4(47, &join(&[&pptp, &inner]))), &["gre:7"]);
}

#[test]
fn ip_in_ip_is_entered_in_all_four_combinations() {
    let (four, six) = (v4(6, &tcp()), v6(6, &tcp()));
    finds(&ethernet(0x0800, &v4(4, &four)), &["ipip"]);
    finds(&ethernet(0x0800, &v4(41, &six)), &["ipip"]);
    finds(&ethernet(0x86dd, &v6(4, &four)), &["ipip"]);
    finds(&ethernet(0x86dd, &v6(41, &six)), &["ipip"]);
    let packet = read(&ethernet(0x0800, &v4(41, &six)));
    assert_eq!((packet.is_v6, packet.outer_ip_at, packet.ip_at), (true, 14, 34));
}

#[test]
fn vxlan_is_entered_with_its_extensions() {
    let (inner, header) = (v4(6, &tcp()), [8, 0, 0, 0, 0, 0, 42, 0]);
    let plain = ethernet(
        0x0800,
        &v4(17, &udp(50000, 4789, &join(&[&header, &ethernet(0x0800, &inner)]))),
    );
    finds(&plain, &["vxlan:42"]);
    outer_is(&plain, 17);
    let gpe = join(&[&[0x0c, 0, 0, 1, 0, 0, 42, 0], &inner]);
    finds(&ethernet(0x0800, &v4(17, &udp(50000, 4790, &gpe))), &["vxlan:42"]);
    let nsh = join(&[&[0x0c, 0, 0, 4, 0, 0, 42, 0], &[0, 0x06, 1, 1], &[0; 20], &inner]);
    finds(&ethernet(0x0800, &v4(17, &udp(50000, 4790, &nsh))), &["vxlan:42"]);
}

#[test]
fn geneve_and_its_options_are_stepped_over() {
    let inner = ethernet(0x0800, &v4(6, &tcp()));
    let payload = join(&[&[1, 0, 0x65, 0x58, 0, 1, 0, 0], &[0, 1, 2, 0], &inner]);
    finds(&ethernet(0x0800, &v4(17, &udp(50000, 6081, &payload))), &["geneve:256"]);
}

#[test]
fn gtpu_and_its_extension_headers_are_stepped_over() {
    let inner = v4(6, &tcp());
    let short = join(&[&[0x30, 0xff, 0, 43, 0, 0, 0, 9], &inner]);
    finds(&ethernet(0x0800, &v4(17, &udp(2152, 2152, &short))), &["gtpu:9"]);
    let long = join(&[&[0x34, 0xff, 0, 51, 0, 0, 0, 9, 0, 0, 0, 0x85], &[1, 0, 1, 0], &inner]);
    finds(&ethernet(0x0800, &v4(17, &udp(2152, 2152, &long))), &["gtpu:9"]);
    let echo = join(&[&[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0], &inner]);
    assert_eq!(read(&ethernet(0x0800, &v4(17, &udp(2152, 2152, &echo)))).protocol, 17);
}

#[test]
fn erspan_of_every_type_is_entered() {
    let inner = ethernet(0x0800, &v4(6, &tcp()));
    let mirrored = |gre: &[u8], header: &[u8]| ethernet(0x0800, &v4(47, &join(&[gre, header, &inner])));
    finds(&mirrored(&[0, 0, 0x88, 0xbe], &[]), &["gre", "erspan:0"]);
    let second = mirrored(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10, 1, 0x08, 0x64, 0, 0, 0, 0]);
    finds(&second, &["gre", "erspan:100"]);
    let third = [0x20, 1, 0x08, 0x65, 0, 0, 0, 0, 0, 0, 0, 0];
    finds(&mirrored(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &third), &["gre", "erspan:101"]);
    let platform = join(&[&third[..11], &[1], &[0; 8]]);
    finds(
        &mirrored(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &platform),
        &["gre", "erspan:101"],
    );
}

#[test]
fn teredo_is_entered_behind_authentication_and_origin() {
    let inner = v6(6, &tcp());
    let teredo = |payload: &[u8]| ethernet(0x0800, &v4(17, &udp(3544, 50000, payload)));
    finds(&teredo(&inner), &["teredo"]);
    let origin = join(&[&[0, 0, 1, 2, 3, 4, 5, 6], &inner]);
    finds(&teredo(&origin), &["teredo"]);
    finds(&teredo(&join(&[&[0, 1, 0, 0], &[0; 9], &origin])), &["teredo"]);
    let other = read(&teredo(&join(&[&inner, b"x"])));
    assert_eq!((other.protocol, other.encapsulations.is_empty()), (17, true));
}

#[test]
fn a_tunnel_without_an_ip_header_inside_leaves_the_packet_around_it() {
    let arp = ethernet(0x0806, &[0; 28]);
    let payload = join(&[&[8, 0, 0, 0, 0, 0, 42, 0], &arp]);
    let packet = read(&ethernet(0x0800, &v4(17, &udp(50000, 4789, &payload))));
    assert_eq!((packet.protocol, packet.destination_port, packet.ip_at), (17, 4789, 14));
    assert!(packet.encapsulations.is_empty());
}

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
