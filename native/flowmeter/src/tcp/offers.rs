//! What both SYNs offered: how many times larger than its header says a window is (RFC 7323), and how large segments may be.

use crate::packet::{flags, Tcp};

/// Largest segments on Ethernet over IPv4 and IPv6, for connections whose SYNs were not seen.
const USUAL_MSS: [u16; 2] = [1460, 1440];
/// Octets of the timestamp option with its padding, which every segment of a connection has or none.
const TIMESTAMPS: u16 = 12;
/// No stack sends less on purpose (Linux: `tcp_min_snd_mss`).
const SMALLEST: u16 = 48;

/// The offers, by side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offers {
    scaling: [Option<Scaling>; 2],
    mss: [Option<u16>; 2],
}

#[derive(Clone, Copy, Debug)]
enum Scaling {
    None,
    Shift(u8),
}

impl Offers {
    /// A SYN of `side`; gives the shifts of both sides' windows once they are known.
    pub fn observe(&mut self, side: usize, tcp: &Tcp) -> Option<[u8; 2]> {
        if !tcp.has(flags::SYN) {
            return None;
        }
        self.mss[side] = tcp.mss;
        self.scaling[side] = Some(tcp.window_shift.map_or(Scaling::None, |shift| Scaling::Shift(shift.min(14))));
        match self.scaling {
            [Some(Scaling::Shift(first)), Some(Scaling::Shift(second))] => Some([first, second]),
            // One side that does not offer is enough: then no window is scaled.
            [Some(Scaling::None), _] | [_, Some(Scaling::None)] => Some([0; 2]),
            _ => None,
        }
    }

    /// Into how many segments a network card cuts a host's super-segment: the smaller offer bounds both directions, because a
    /// host offers what its own interface takes.
    #[must_use]
    pub fn pieces(&self, tcp: &Tcp, is_v6: bool) -> u32 {
        let offered = self.mss.iter().flatten().min();
        let largest = offered.copied().unwrap_or(USUAL_MSS[usize::from(is_v6)]);
        let options = if tcp.timestamps.is_some() { TIMESTAMPS } else { 0 };
        let size = largest.saturating_sub(options).max(SMALLEST);
        tcp.payload_octets.div_ceil(u32::from(size)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn(window_shift: Option<u8>, mss: Option<u16>) -> Tcp {
        Tcp {
            flags: flags::SYN,
            window_shift,
            mss,
            ..Tcp::default()
        }
    }

    #[test]
    fn windows_are_scaled_only_when_both_sides_offer_it() {
        let mut offers = Offers::default();
        assert_eq!(offers.observe(0, &syn(Some(7), None)), None);
        assert_eq!(offers.observe(1, &syn(Some(200), None)), Some([7, 14]));
        assert_eq!(Offers::default().observe(1, &syn(None, None)), Some([0, 0]));
        assert_eq!(offers.observe(1, &syn(None, None)), Some([0, 0]));
    }

    #[test]
    fn a_super_segment_is_as_many_as_its_smaller_offer_makes() {
        let mut data = Tcp {
            payload_octets: 14_480,
            timestamps: Some((1, 1)),
            ..Tcp::default()
        };
        let mut offers = Offers::default();
        assert_eq!((offers.pieces(&data, false), offers.pieces(&data, true)), (10, 11));
        offers.observe(0, &syn(None, Some(1460)));
        offers.observe(1, &syn(None, Some(1000)));
        assert_eq!(offers.pieces(&data, false), 15);
        data.payload_octets = 0;
        assert_eq!(offers.pieces(&data, false), 1);
        offers.observe(1, &syn(None, Some(0)));
        data.payload_octets = 480;
        assert_eq!(offers.pieces(&data, false), 10);
    }
}
