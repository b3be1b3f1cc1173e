//! What is counted of one direction between two cuts of a flow record.

use crate::distribution::Distribution;

/// Counts of one direction.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Union of the flags.
    pub flags: u16,
    /// Payload as seen, repeats included.
    pub payload_octets: u64,
    /// Segments that were judged.
    pub segments: u64,
    /// Packets with SYN.
    pub syn: u64,
    /// Packets with FIN.
    pub fin: u64,
    /// Packets with RST.
    pub rst: u64,
    /// Wireshark's retransmissions.
    pub retransmissions_wireshark: u64,
    /// Wireshark's out-of-order segments.
    pub out_of_order_wireshark: u64,
    /// Wireshark's zero windows.
    pub zero_window_events: u64,
    /// Wireshark's duplicate ACKs.
    pub duplicate_acks: u64,
    /// From S's segments to R's acknowledgement.
    pub data_rtt: Distribution,
}

/// What segments were judged to be, apart from ordinary: most flows have none of it.
#[derive(Clone, Copy, Debug)]
pub struct Classes {
    /// Those of them before the connection stood.
    pub rst_handshake: u64,
    /// Those of them after a FIN of either side.
    pub rst_after_fin: u64,
    /// Sent again though already acknowledged.
    pub spurious: u64,
    /// Late without having been lost.
    pub reordered: u64,
    /// Keep-alive probes.
    pub keepalives: u64,
    /// Zero-window probes.
    pub zero_window_probes: u64,
    /// Lost between S and P.
    pub loss_upstream: u64,
    /// Lost between P and R.
    pub loss_downstream: u64,
    /// Probably lost between S and P without leaving a hole.
    pub loss_upstream_inferred: u64,
    /// Of those lost on either side: sent again because R reported what came after them.
    pub retransmissions_fast: u64,
    /// Of those lost on either side: sent again because S waited in vain.
    pub retransmissions_timeout: u64,
    /// Time between what was lost and its retransmission, added up.
    pub retransmission_delay_ns: u64,
    /// New data that filled R's window.
    pub window_full: u64,
    /// Time for which S kept its own receive window closed.
    pub zero_window_ns: u64,
    /// Octets of S that R acknowledged and P never saw.
    pub acked_unseen_octets: u64,
}

impl Classes {
    /// No such segment.
    pub const NONE: Self = Self {
        rst_handshake: 0,
        rst_after_fin: 0,
        spurious: 0,
        reordered: 0,
        keepalives: 0,
        zero_window_probes: 0,
        loss_upstream: 0,
        loss_downstream: 0,
        loss_upstream_inferred: 0,
        retransmissions_fast: 0,
        retransmissions_timeout: 0,
        retransmission_delay_ns: 0,
        window_full: 0,
        zero_window_ns: 0,
        acked_unseen_octets: 0,
    };

    /// Lost on either side.
    #[must_use]
    pub const fn retransmissions(&self) -> u64 {
        self.loss_upstream + self.loss_downstream
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self::NONE
    }
}

impl Counts {
    /// Begin anew and keep the memory.
    pub fn clear(&mut self) {
        let mut data_rtt = std::mem::take(&mut self.data_rtt);
        data_rtt.clear();
        *self = Self {
            data_rtt,
            ..Self::default()
        };
    }
}
