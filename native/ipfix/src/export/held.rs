//! Data sets whose template has not come yet: kept in order, bounded by octets, the oldest given up first.

use std::collections::VecDeque;

use super::session::{Header, SessionKey};

/// Octets that may wait, each set's own bookkeeping included.
const MAX_OCTETS: usize = 4 << 20;
/// What a waiting set costs beside its content, so that empty sets cannot fill the memory.
const OVERHEAD: usize = 128;

/// One waiting data set.
#[derive(Debug)]
pub struct HeldSet {
    pub key: SessionKey,
    pub header: Header,
    pub set: u16,
    pub content: Vec<u8>,
}

/// The waiting sets.
#[derive(Debug, Default)]
pub struct Held {
    sets: VecDeque<HeldSet>,
    octets: usize,
}

impl Held {
    /// Keep a set; gives how many had to go for it.
    pub fn keep(&mut self, set: HeldSet) -> u64 {
        let mut dropped = 0;
        self.octets += set.content.len() + OVERHEAD;
        self.sets.push_back(set);
        while self.octets > MAX_OCTETS {
            let Some(oldest) = self.sets.pop_front() else { break };
            self.octets -= oldest.content.len() + OVERHEAD;
            dropped += 1;
        }
        dropped
    }

    /// The sets that waited for a template, oldest first.
    pub fn release(&mut self, key: &SessionKey, template: u16) -> Vec<HeldSet> {
        let waits = |held: &HeldSet| held.set == template && held.key == *key;
        if !self.sets.iter().any(waits) {
            return Vec::new();
        }
        let (released, kept): (Vec<_>, Vec<_>) = self.sets.drain(..).partition(waits);
        self.sets = kept.into();
        self.octets = self.sets.iter().map(|held| held.content.len() + OVERHEAD).sum();
        released
    }

    /// Sets waiting.
    pub fn len(&self) -> usize {
        self.sets.len()
    }
}
