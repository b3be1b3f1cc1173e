//! Names of applications: by the first octets a side sends where they tell, else by the server's registered port.

/// An application that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application(&'static str);

/// Registered ports of what banks and operators see most; TCP and UDP alike.
const PORTS: &[(u16, &str)] = &[
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (53, "dns"),
    (67, "dhcp"),
    (68, "dhcp"),
    (80, "http"),
    (110, "pop3"),
    (123, "ntp"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmp"),
    (179, "bgp"),
    (389, "ldap"),
    (443, "tls"),
    (445, "smb"),
    (514, "syslog"),
    (587, "smtp"),
    (636, "tls"),
    (853, "tls"),
    (862, "stamp"),
    (993, "tls"),
    (995, "tls"),
    (1433, "mssql"),
    (1521, "oracle"),
    (1812, "radius"),
    (1813, "radius"),
    (2049, "nfs"),
    (3306, "mysql"),
    (3389, "rdp"),
    (5060, "sip"),
    (5432, "postgresql"),
    (6379, "redis"),
    (8080, "http"),
];

/// IANA number of UDP.
const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

impl Application {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// From the first octets that a side of a TCP connection sends.
    #[must_use]
    pub fn by_octets(octets: &[u8]) -> Option<Self> {
        const STARTS: &[(&[u8], &str)] = &[
            (b"GET ", "http"),
            (b"POST ", "http"),
            (b"HEAD ", "http"),
            (b"PUT ", "http"),
            (b"OPTIONS ", "http"),
            (b"HTTP/1.", "http"),
            (b"SSH-", "ssh"),
        ];
        // TLS record: handshake or alert, version 3.x.
        if matches!(octets, [0x16, 3, 0..=4, ..]) {
            return Some(Self("tls"));
        }
        let found = STARTS.iter().find(|(start, _)| octets.starts_with(start));
        found.map(|&(_, name)| Self(name))
    }

    /// From the ports; `server` is the one of the side that did not begin.
    #[must_use]
    pub fn by_port(protocol: u8, server: u16, client: u16) -> Option<Self> {
        match protocol {
            ICMP | ICMP6 => return Some(Self("icmp")),
            TCP | UDP => {}
            _ => return None,
        }
        let named = |port: u16| PORTS.binary_search_by_key(&port, |&(known, _)| known).ok();
        let name = named(server).or_else(|| named(client)).map(|at| PORTS[at].1)?;
        Some(Self(if protocol == UDP && name == "tls" { "quic" } else { name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_in_order() {
        assert!(PORTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn octets_tell_before_ports_do() {
        assert_eq!(
            Application::by_octets(b"HTTP/1.1 200 OK").map(Application::name),
            Some("http")
        );
        assert_eq!(Application::by_octets(&[0x16, 3, 1, 0]).map(Application::name), Some("tls"));
        assert_eq!(Application::by_octets(b"\0\0"), None);
        assert_eq!(Application::by_port(17, 443, 50_000).map(Application::name), Some("quic"));
    }
}
