//! The lost segments of one direction, one by one: what two observation points of one flow are compared by.
//!
//! Counts of two points do not add up: a retransmission after a lost acknowledgement is `Downstream` at one and `Spurious` at the
//! other. Segment by segment they do (`faultline/inference/observations_bracket.py`).

use crate::tcp::seq::after;

/// Segments told one by one between two cuts; those after them are only counted.
pub const MAX_LOSSES: usize = 64;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Lost between its sender and here.
    Upstream = 1,
    /// It, or its acknowledgement, lost between here and its receiver.
    Downstream = 2,
    /// Sent again in vain.
    Spurious = 3,
    /// Probably lost between its sender and here, without a hole.
    Inferred = 4,
}

impl Class {
    /// The word of the text formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
            Self::Spurious => "spurious",
            Self::Inferred => "inferred",
        }
    }
}

/// One retransmitted segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its sequence number.
    pub sequence: u32,
    /// Its length in sequence numbers: payload, SYN and FIN.
    pub length: u32,
    /// When the retransmission passed.
    pub at_ns: i64,
    /// What became of the one before it.
    pub class: Class,
}

/// Losses in the order of their retransmissions.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    // Most flows lose nothing: the list is allocated with the first one and kept.
    list: Vec<Loss>,
    left_out: u64,
}

impl Losses {
    /// Those that are told.
    #[must_use]
    pub fn list(&self) -> &[Loss] {
        &self.list
    }

    /// How many more there were.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// One more.
    pub fn add(&mut self, loss: Loss) {
        if self.list.len() < MAX_LOSSES {
            self.list.push(loss);
        } else {
            self.left_out += 1;
        }
    }

    /// The newest retransmission within `start..end` that was taken for a loss downstream had been in vain.
    pub fn absolve(&mut self, start: u32, end: u32) {
        let within = |loss: &&mut Loss| {
            loss.class == Class::Downstream && after(end, loss.sequence) && after(loss.sequence.wrapping_add(loss.length), start)
        };
        if let Some(loss) = self.list.iter_mut().rev().find(within) {
            loss.class = Class::Spurious;
        }
    }

    /// Begin anew and keep the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.left_out = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn downstream(sequence: u32) -> Loss {
        Loss {
            sequence,
            length: 100,
            at_ns: 1,
            class: Class::Downstream,
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut losses = Losses::default();
        (0..70).for_each(|at| losses.add(downstream(at * 100)));
        assert_eq!((losses.list().len(), losses.left_out()), (MAX_LOSSES, 6));
        losses.clear();
        assert_eq!((losses.list().len(), losses.left_out()), (0, 0));
    }

    #[test]
    fn a_loss_is_taken_back_across_the_wrap() {
        let mut losses = Losses::default();
        losses.add(downstream(u32::MAX - 49));
        losses.add(downstream(200));
        losses.absolve(u32::MAX - 49, 50);
        let classes: Vec<_> = losses.list().iter().map(|loss| loss.class).collect();
        assert_eq!(classes, [Class::Spurious, Class::Downstream]);
    }
}
