//! The flow table: open addressing over a slab, and lists of flows by the second in which they may expire.
//!
//! Memory for 65,536 flows is reserved at the start; nothing is allocated per packet. A full table is the caller's business: it asks
//! for a victim.

use crate::flow::{Flow, NONE};
use crate::key::Key;
use crate::packet::Encapsulations;
use crate::tcp::Connection;

/// Occupied places looked at for the oldest flow when the table is full.
const VICTIM_WINDOW: usize = 16;
/// Flows that have their place from the start; a table that may hold more grows as it fills.
const RESERVED: usize = 1 << 16;
/// Lists of flows by second; a timeout longer than that many seconds is looked at more than once.
const LISTS: usize = 64;
/// 2³⁰ ns, about a second.
const TICK_SHIFT: u32 = 30;
/// Not in any list.
const UNLISTED: u32 = u32::MAX;

/// Where a hash may lead: its upper half, and the flow's index plus 1. An empty place is 0, so that the memory of a large table costs
/// nothing until it is used.
type Place = u64;

const EMPTY: Place = 0;

const fn place_of(hash: u64, flow: u32) -> Place {
    hash & !0xFFFF_FFFF | (flow as u64 + 1)
}

const fn flow_of(place: Place) -> u32 {
    (place as u32).wrapping_sub(1)
}

/// Flows by key.
#[derive(Debug)]
pub struct Table {
    places: Vec<Place>,
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    connections: Vec<Connection>,
    free_connections: Vec<u32>,
    lists: [u32; LISTS],
    tick: Option<i64>,
    max_flows: usize,
    live: usize,
}

impl Table {
    /// An empty table for `max_flows` at once.
    #[must_use]
    pub fn new(max_flows: usize) -> Self {
        let max_flows = max_flows.clamp(1, 1 << 26);
        Self {
            places: vec![EMPTY; (max_flows * 2).next_power_of_two()],
            flows: Vec::with_capacity(max_flows.min(RESERVED)),
            free: Vec::new(),
            connections: Vec::new(),
            free_connections: Vec::new(),
            lists: [NONE; LISTS],
            tick: None,
            max_flows,
            live: 0,
        }
    }

    /// Flows in the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Whether the next flow needs another's place.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.live >= self.max_flows
    }

    /// Indexes that may hold a flow.
    #[must_use]
    pub fn indexes(&self) -> std::ops::Range<u32> {
        0..self.flows.len() as u32
    }

    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    /// The flow of a key.
    #[must_use]
    pub fn find(&self, hash: u64, key: &Key, encapsulations: &Encapsulations) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let place = self.places[at];
            if place == EMPTY {
                return None;
            }
            if (place ^ hash) >> 32 == 0 {
                let flow = self.flows[flow_of(place) as usize].as_ref();
                let same =
                    flow.is_some_and(|flow| flow.key == *key && flow.key_encapsulations.as_slice() == encapsulations.as_slice());
                if same {
                    return Some(flow_of(place));
                }
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    /// The flow that has been idle longest among those near the place of `hash`.
    #[must_use]
    pub fn victim(&self, hash: u64) -> Option<u32> {
        let home = self.home(hash);
        let around = (0..self.places.len()).map(|step| self.places[(home + step) & (self.places.len() - 1)]);
        let candidates = around.filter(|&place| place != EMPTY).map(flow_of).take(VICTIM_WINDOW);
        candidates.min_by_key(|&flow| self.flows[flow as usize].as_ref().map(|flow| flow.last_ns))
    }

    /// Put a flow in; there is room (`is_full`). `with_connection` gives it a TCP connection.
    pub fn insert(&mut self, mut flow: Flow, with_connection: bool) -> u32 {
        flow.connection = if with_connection { self.new_connection() } else { NONE };
        (flow.neighbours, flow.due) = ([NONE; 2], UNLISTED);
        let hash = flow.hash;
        let index = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            self.flows.len() as u32 - 1
        });
        self.flows[index as usize] = Some(flow);
        let mut at = self.home(hash);
        while self.places[at] != EMPTY {
            at = (at + 1) & (self.places.len() - 1);
        }
        self.places[at] = place_of(hash, index);
        self.live += 1;
        index
    }

    fn new_connection(&mut self) -> u32 {
        self.free_connections.pop().unwrap_or_else(|| {
            self.connections.push(Connection::default());
            self.connections.len() as u32 - 1
        })
    }

    /// The flow at an index, and its connection.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<(&Flow, Option<&Connection>)> {
        let flow = self.flows.get(index as usize)?.as_ref()?;
        Some((flow, self.connections.get(flow.connection as usize)))
    }

    /// The flow at an index, and its connection, to change.
    pub fn get_mut(&mut self, index: u32) -> Option<(&mut Flow, Option<&mut Connection>)> {
        let flow = self.flows.get_mut(index as usize)?.as_mut()?;
        let connection = self.connections.get_mut(flow.connection as usize);
        Some((flow, connection))
    }

    /// Take a flow out.
    pub fn remove(&mut self, index: u32) {
        self.unlist(index);
        let Some(flow) = self.flows[index as usize].take() else {
            return;
        };
        if flow.connection != NONE {
            self.connections[flow.connection as usize] = Connection::default();
            self.free_connections.push(flow.connection);
        }
        self.free.push(index);
        self.live -= 1;
        let mask = self.places.len() - 1;
        let mut gap = self.home(flow.hash);
        while flow_of(self.places[gap]) != index {
            gap = (gap + 1) & mask;
        }
        // Close the gap, so that no search ends too early: what stands further on moves up unless that were before its home.
        let mut next = gap;
        loop {
            self.places[gap] = EMPTY;
            loop {
                next = (next + 1) & mask;
                let place = self.places[next];
                if place == EMPTY {
                    return;
                }
                let home = self.flows[flow_of(place) as usize]
                    .as_ref()
                    .map_or(next, |flow| self.home(flow.hash));
                let from_home = next.wrapping_sub(home) & mask;
                if from_home >= next.wrapping_sub(gap) & mask {
                    self.places[gap] = place;
                    gap = next;
                    break;
                }
            }
        }
    }

    /// Look at a flow again once `deadline_ns` has passed.
    pub fn schedule(&mut self, index: u32, deadline_ns: i64) {
        let tick = self.tick.unwrap_or(deadline_ns >> TICK_SHIFT);
        // One tick late rather than early; a deadline beyond the lists is looked at when they have come round.
        let due = (deadline_ns >> TICK_SHIFT) + 1;
        let due = due.clamp(tick + 1, tick + LISTS as i64 - 1).rem_euclid(LISTS as i64) as usize;
        let head = self.lists[due];
        if let Some(first) = self.flows.get_mut(head as usize).and_then(Option::as_mut) {
            first.neighbours[0] = index;
        }
        if let Some(flow) = &mut self.flows[index as usize] {
            flow.neighbours = [NONE, head];
            flow.due = due as u32;
        }
        self.lists[due] = index;
    }

    fn unlist(&mut self, index: u32) {
        let Some(flow) = self.flows[index as usize].as_mut() else {
            return;
        };
        let ([before, behind], due) = (flow.neighbours, flow.due);
        if due == UNLISTED {
            return;
        }
        (flow.neighbours, flow.due) = ([NONE; 2], UNLISTED);
        match self.flows.get_mut(before as usize).and_then(Option::as_mut) {
            Some(flow) => flow.neighbours[1] = behind,
            None => self.lists[due as usize] = behind,
        }
        if let Some(flow) = self.flows.get_mut(behind as usize).and_then(Option::as_mut) {
            flow.neighbours[0] = before;
        }
    }

    /// A flow whose time may have come by `now_ns`; it is scheduled no more. Call until none is left.
    pub fn next_due(&mut self, now_ns: i64) -> Option<u32> {
        let now = now_ns >> TICK_SHIFT;
        let mut tick = *self.tick.get_or_insert(now);
        // After a long silence every list is due, and once round is enough.
        tick = tick.max(now - LISTS as i64);
        loop {
            let list = self.lists[tick.rem_euclid(LISTS as i64) as usize];
            if list != NONE {
                self.tick = Some(tick);
                self.unlist(list);
                return Some(list);
            }
            if tick >= now {
                self.tick = Some(tick);
                return None;
            }
            tick += 1;
        }
    }
}
