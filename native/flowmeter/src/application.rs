//! Names of applications: rules as text and what a flow shows of itself go in, a name comes out.
//!
//! A line of rules is a name and what belongs to it: `tcp/1521`, `udp/5004-5010,5020`, `8583` (both), a server's address behind a
//! port (`tcp/9100@10.1.0.0/16`), a host and all below it (`host/example.com`; TLS, QUIC and HTTP name hosts). `#` begins a comment.
//! Before all comes what a user's file says: by host, by server's address, by port; then what payload tells; then the built-in ports.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use crate::app::Protocol;
use crate::packet::Address;

const BUILT_IN: &str = include_str!("applications.txt");
const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;
/// Where hosts begin to take ports for their clients.
const FIRST_EPHEMERAL: u16 = 32_768;
const MAX_NAME: usize = 32;
const MAX_NAMES: usize = 4_096;
/// Rules by address and by host, so that a table cannot fill the memory of a probe.
const MAX_RULES: usize = 100_000;

/// An application: an index into its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application(u16);

/// A rule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for RuleError {}

/// What a flow shows.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// IP protocol.
    pub protocol: u8,
    /// Address of the side that did not begin.
    pub server: Address,
    /// Whether that is an IPv6 address.
    pub is_v6: bool,
    /// Ports of the side that did not begin, and of the one that did.
    pub ports: [u16; 2],
    /// Host that the client named.
    pub host: Option<&'a str>,
    /// What payload told.
    pub told: Option<Protocol>,
}

#[derive(Clone, Debug)]
struct Prefix {
    address: [u8; 16],
    is_v6: bool,
    bits: u8,
}

/// Names by port of one transport protocol: 0 is none, else the index plus 1.
type Ports = Box<[u16]>;

/// The rules.
#[derive(Clone, Debug)]
pub struct Applications {
    names: Vec<String>,
    /// Built-in, then the user's; TCP, then UDP.
    ports: [[Ports; 2]; 2],
    servers: HashMap<(u8, u16), Vec<(Prefix, Application)>>,
    hosts: HashMap<String, Application>,
    rules: usize,
    /// Names of the protocols, in their order.
    protocols: [Application; Protocol::ALL.len()],
    icmp: Application,
}

/// Which of the `ports` a rule goes into.
#[derive(Clone, Copy)]
enum Origin {
    BuiltIn = 0,
    User = 1,
}

impl Default for Applications {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Applications {
    /// The rules that come with the meter.
    ///
    /// # Panics
    /// When they are wrong, which a test rules out.
    #[must_use]
    pub fn built_in() -> Self {
        let no_ports = || vec![0; 1 << 16].into_boxed_slice();
        let mut table = Self {
            names: Vec::new(),
            ports: [[no_ports(), no_ports()], [no_ports(), no_ports()]],
            servers: HashMap::new(),
            hosts: HashMap::new(),
            rules: 0,
            protocols: [Application(0); Protocol::ALL.len()],
            icmp: Application(0),
        };
        table.read(BUILT_IN, Origin::BuiltIn).expect("the built-in rules are right");
        for (at, protocol) in Protocol::ALL.into_iter().enumerate() {
            table.protocols[at] = table.intern(protocol.name()).expect("there is room for every protocol");
        }
        table.icmp = table.intern("icmp").expect("there is room");
        table
    }

    /// The same with a user's rules, which count before all others; of two of them the later one.
    pub fn extended(mut self, text: &str) -> Result<Self, RuleError> {
        self.read(text, Origin::User)?;
        Ok(self)
    }

    /// The name of an application of this table.
    #[must_use]
    pub fn name(&self, application: Application) -> &str {
        self.names.get(usize::from(application.0)).map_or("", String::as_str)
    }

    /// The application of a flow.
    #[must_use]
    pub fn find(&self, subject: &Subject<'_>) -> Option<Application> {
        if matches!(subject.protocol, ICMP | ICMP6) {
            return Some(self.icmp);
        }
        let by_host = || subject.host.and_then(|host| self.by_host(host));
        let told = || {
            let protocol = subject.told?;
            Some(self.protocols[protocol as usize])
        };
        by_host()
            .or_else(|| self.by_server(subject))
            .or_else(|| self.by_port(Origin::User, subject.protocol, subject.ports))
            .or_else(told)
            .or_else(|| self.by_port(Origin::BuiltIn, subject.protocol, subject.ports))
    }

    /// The protocol that a flow's ports name; `ports` are those of the side that did not begin, and of the one that did.
    #[must_use]
    pub fn protocol_on(&self, protocol: u8, ports: [u16; 2]) -> Option<Protocol> {
        let found = self
            .by_port(Origin::User, protocol, ports)
            .or_else(|| self.by_port(Origin::BuiltIn, protocol, ports))?;
        Protocol::named(self.name(found))
    }

    fn by_port(&self, origin: Origin, protocol: u8, ports: [u16; 2]) -> Option<Application> {
        let transport = match protocol {
            TCP => 0,
            UDP => 1,
            _ => return None,
        };
        let table = &self.ports[origin as usize][transport];
        let named = |port: u16| Some(table[usize::from(port)]).filter(|&number| number > 0);
        let [server, client] = ports;
        // A server may have begun what is seen of a flow; but a port that hosts give to any client names nothing there.
        let number = named(server).or_else(|| named(client).filter(|_| client < FIRST_EPHEMERAL))?;
        Some(Application(number - 1))
    }

    fn by_server(&self, subject: &Subject<'_>) -> Option<Application> {
        let rules = self.servers.get(&(subject.protocol, subject.ports[0]))?;
        let matching = rules
            .iter()
            .rev()
            .filter(|(prefix, _)| prefix.holds(&subject.server, subject.is_v6));
        // The narrowest; of two the later one, which `max_by_key` would not give without the reversal.
        matching
            .fold(None::<&(Prefix, Application)>, |best, rule| match best {
                Some(known) if known.0.bits >= rule.0.bits => best,
                _ => Some(rule),
            })
            .map(|&(_, application)| application)
    }

    fn by_host(&self, host: &str) -> Option<Application> {
        if self.hosts.is_empty() {
            return None;
        }
        let host = host.split(':').next()?.trim_end_matches('.').to_ascii_lowercase();
        let mut rest = host.as_str();
        loop {
            if let Some(&found) = self.hosts.get(rest) {
                return Some(found);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    fn intern(&mut self, name: &str) -> Result<Application, String> {
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return Ok(Application(at as u16));
        }
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
            return Err(format!(
                "a name has 1 to {MAX_NAME} letters, digits, -, _ and ., not {name:?}"
            ));
        }
        if self.names.len() == MAX_NAMES {
            return Err(format!("more than {MAX_NAMES} names"));
        }
        self.names.push(name.to_owned());
        Ok(Application(self.names.len() as u16 - 1))
    }

    fn read(&mut self, text: &str, origin: Origin) -> Result<(), RuleError> {
        for (at, line) in text.lines().enumerate() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(name) = words.next() else { continue };
            let wrong = |reason: String| RuleError { line: at + 1, reason };
            let application = self.intern(name).map_err(wrong)?;
            let mut any = false;
            for rule in words {
                self.rule(application, rule, origin).map_err(wrong)?;
                any = true;
            }
            if !any {
                return Err(wrong(format!("{name} has no rule")));
            }
        }
        Ok(())
    }

    fn rule(&mut self, application: Application, rule: &str, origin: Origin) -> Result<(), String> {
        let no_rule = || format!("{rule:?} is no rule: tcp/PORTS, udp/PORTS, PORTS, each with @ADDRESS or not, or host/NAME");
        if let Some(host) = rule.strip_prefix("host/") {
            let host = host.strip_prefix("*.").unwrap_or(host).trim_end_matches('.');
            if host.is_empty() || host.len() > 253 || host.contains(['/', '*']) {
                return Err(no_rule());
            }
            self.hosts.insert(host.to_ascii_lowercase(), application);
            return self.one_more();
        }
        let (protocols, rest) = match rule.split_once('/') {
            Some(("tcp", rest)) => (&[TCP][..], rest),
            Some(("udp", rest)) => (&[UDP][..], rest),
            _ => (&[TCP, UDP][..], rule),
        };
        let (ports, prefix) = match rest.split_once('@') {
            Some((ports, prefix)) => (ports, Some(Prefix::read(prefix).ok_or_else(no_rule)?)),
            None => (rest, None),
        };
        for part in ports.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range: (Result<u16, _>, Result<u16, _>) = (first.parse(), last.parse());
            let (Ok(first), Ok(last)) = range else { return Err(no_rule()) };
            if first == 0 || last < first {
                return Err(no_rule());
            }
            for &protocol in protocols {
                for port in first..=last {
                    if let Some(prefix) = &prefix {
                        self.servers
                            .entry((protocol, port))
                            .or_default()
                            .push((prefix.clone(), application));
                        self.one_more()?;
                    } else {
                        let transport = usize::from(protocol == UDP);
                        self.ports[origin as usize][transport][usize::from(port)] = application.0 + 1;
                    }
                }
            }
        }
        Ok(())
    }

    fn one_more(&mut self) -> Result<(), String> {
        self.rules += 1;
        if self.rules > MAX_RULES {
            return Err(format!("more than {MAX_RULES} rules by host or address"));
        }
        Ok(())
    }
}

impl Prefix {
    /// `ADDRESS` or `ADDRESS/BITS`.
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let (octets, is_v6, all) = match address.parse().ok()? {
            IpAddr::V4(v4) => {
                let mut octets = [0; 16];
                octets[..4].copy_from_slice(&v4.octets());
                (octets, false, 32)
            }
            IpAddr::V6(v6) => (v6.octets(), true, 128),
        };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self {
            address: octets,
            is_v6,
            bits,
        })
    }

    fn holds(&self, Address(octets): &Address, is_v6: bool) -> bool {
        let differs = u128::from_be_bytes(self.address) ^ u128::from_be_bytes(*octets);
        self.is_v6 == is_v6 && differs.leading_zeros() >= u32::from(self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(protocol: u8, port: u16) -> Subject<'static> {
        let mut server = [0; 16];
        server[..4].copy_from_slice(&[10, 1, 2, 3]);
        Subject {
            protocol,
            server: Address(server),
            is_v6: false,
            ports: [port, 50_000],
            host: None,
            told: None,
        }
    }

    fn name<'a>(table: &'a Applications, subject: &Subject<'_>) -> Option<&'a str> {
        table.find(subject).map(|found| table.name(found))
    }

    #[test]
    fn payload_tells_before_built_in_ports_do() {
        let table = Applications::built_in();
        let told = Subject {
            told: Some(Protocol::Http),
            ..subject(TCP, 443)
        };
        assert_eq!(name(&table, &told), Some("http"));
        assert_eq!(name(&table, &subject(TCP, 443)), Some("tls"));
        assert_eq!(name(&table, &subject(UDP, 443)), Some("quic"));
        assert_eq!(name(&table, &subject(ICMP, 2048)), Some("icmp"));
        assert_eq!(name(&table, &subject(TCP, 4)), None);
    }

    #[test]
    fn a_users_rules_come_first_the_narrower_before_the_wider() {
        let rules = "core tcp/9100-9102 # the old one\nnew-core tcp/9101@10.1.0.0/16\nnewest tcp/9101@10.1.2.3\nbank host/*.bank.example\n";
        let table = Applications::built_in().extended(rules).unwrap();
        let told = |port, host| Subject {
            told: Some(Protocol::Tls),
            host,
            ..subject(TCP, port)
        };
        assert_eq!(name(&table, &told(9100, None)), Some("core"));
        assert_eq!(name(&table, &told(9101, None)), Some("newest"));
        assert_eq!(name(&table, &told(9100, Some("WWW.Bank.Example:443"))), Some("bank"));
        assert_eq!(name(&table, &told(9100, Some("bank.example.org"))), Some("core"));
        assert_eq!(name(&table, &subject(UDP, 9100)), None);
    }

    #[test]
    fn a_protocols_name_on_another_port_moves_its_reading_there() {
        let table = Applications::built_in()
            .extended("iso8583 tcp/5005\noracle tcp/1621")
            .unwrap();
        assert_eq!(table.protocol_on(TCP, [5005, 40_000]), Some(Protocol::Iso8583));
        assert_eq!(table.protocol_on(TCP, [1621, 40_000]), Some(Protocol::Oracle));
        assert_eq!(table.protocol_on(TCP, [22, 40_000]), Some(Protocol::Ssh));
    }

    #[test]
    fn what_cannot_be_a_rule_is_told_with_its_line() {
        let wrong = [
            "x",
            "x tcp/0",
            "x tcp/9-8",
            "x sctp/5",
            "x tcp/70000",
            "x tcp/5@10.0.0.0/33",
            "x host/",
            "x\u{e9} 5",
        ];
        for text in wrong {
            let error = Applications::built_in().extended(&format!("# first\n{text}")).unwrap_err();
            assert_eq!(error.line, 2, "{text}");
        }
    }

    #[test]
    fn rules_have_an_end() {
        let text = "x tcp/1-65535@10.0.0.1\ny tcp/1-65535@10.0.0.1";
        assert!(Applications::built_in().extended(text).is_err());
    }
}
