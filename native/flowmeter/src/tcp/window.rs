//! How many times larger than its header says a window is (RFC 7323): both SYNs decide it.

use crate::packet::{flags, Tcp};

/// What the SYNs said, by side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scaling {
    offered: [Option<Offer>; 2],
}

#[derive(Clone, Copy, Debug)]
enum Offer {
    None,
    Shift(u8),
}

impl Scaling {
    /// A SYN of `side`; gives the shifts of both sides' windows once they are known.
    pub fn observe(&mut self, side: usize, tcp: &Tcp) -> Option<[u8; 2]> {
        if !tcp.has(flags::SYN) {
            return None;
        }
        self.offered[side] = Some(tcp.window_shift.map_or(Offer::None, |shift| Offer::Shift(shift.min(14))));
        match self.offered {
            [Some(Offer::Shift(first)), Some(Offer::Shift(second))] => Some([first, second]),
            // One side that does not offer is enough: then no window is scaled.
            [Some(Offer::None), _] | [_, Some(Offer::None)] => Some([0; 2]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn(window_shift: Option<u8>) -> Tcp {
        Tcp {
            flags: flags::SYN,
            window_shift,
            ..Tcp::default()
        }
    }

    #[test]
    fn windows_are_scaled_only_when_both_sides_offer_it() {
        let mut scaling = Scaling::default();
        assert_eq!(scaling.observe(0, &syn(Some(7))), None);
        assert_eq!(scaling.observe(1, &syn(Some(200))), Some([7, 14]));
        assert_eq!(Scaling::default().observe(1, &syn(None)), Some([0, 0]));
        assert_eq!(scaling.observe(1, &syn(None)), Some([0, 0]));
    }
}
