//! Link types and encapsulations, one each.

use super::*;

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
