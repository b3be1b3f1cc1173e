//! What is kept of a direction's segments that are not ordinary: counts by class, each loss, and what a DSACK may still acquit.

use crate::tcp::counts::Classes;
use crate::tcp::losses::Losses;
use crate::tcp::recovery::Trigger;
use crate::tcp::seq::after;

/// Retransmissions that a DSACK may still call spurious.
const REMEMBERED: usize = 4;

/// A retransmission that a DSACK may still call needless.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remembered {
    /// First octet.
    pub start: u32,
    /// The octet after the last.
    pub end: u32,
    /// Segments on the wire.
    pub pieces: u32,
    /// What made S send it.
    pub trigger: Trigger,
}

/// What is kept of segments that are not ordinary.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// Counts since the last cut.
    pub classes: Classes,
    /// Segments sent again since the last cut, one by one.
    pub losses: Losses,
    /// The octet after the highest that R reported by SACK.
    pub reported: Option<u32>,
    /// When S last sent something again.
    pub repeated_ns: Option<i64>,
    remembered: [Remembered; REMEMBERED],
    remember_at: u8,
}

impl Trouble {
    /// Another connection begins: keep the counts, forget what they were drawn from.
    pub fn restart(&mut self) {
        *self = Self {
            classes: self.classes,
            losses: std::mem::take(&mut self.losses),
            ..Self::default()
        };
    }

    /// The counts were read: begin anew, go on with the state.
    pub fn cut(&mut self) {
        self.classes = Classes::NONE;
        self.losses.clear();
    }

    /// S sent a segment again that was seen before and not acknowledged.
    pub fn remember(&mut self, repeated: Remembered) {
        self.remembered[usize::from(self.remember_at)] = repeated;
        self.remember_at = (self.remember_at + 1) % REMEMBERED as u8;
    }

    /// R received `left..right` twice: the retransmission was needless, nothing of it was lost downstream. Gives its end.
    pub fn absolve(&mut self, left: u32, right: u32) -> Option<u32> {
        let overlaps = |known: &&mut Remembered| known.start != known.end && after(right, known.start) && after(known.end, left);
        let known = std::mem::take(self.remembered.iter_mut().find(overlaps)?);
        let classes = &mut self.classes;
        // Counted in a record that has been cut already: too late to change.
        if classes.loss_downstream > 0 {
            let pieces = u64::from(known.pieces).min(classes.loss_downstream);
            classes.loss_downstream -= pieces;
            classes.spurious += pieces;
            let of_trigger = match known.trigger {
                Trigger::Fast => Some(&mut classes.retransmissions_fast),
                Trigger::Timeout => Some(&mut classes.retransmissions_timeout),
                Trigger::Unknown => None,
            };
            if let Some(count) = of_trigger {
                *count = count.saturating_sub(pieces);
            }
            self.losses.absolve(known.start, known.end);
        }
        Some(known.end)
    }
}
