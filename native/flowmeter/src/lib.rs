//! Packets in, flow records out.
