//! IP and transport headers, field by field.

use super::*;

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
