//! Packets in, flow records out.
//!
//! `source` gives frames, `parse` reads a packet from each; `packet` has the words they share.

pub mod packet;
pub mod parse;
pub mod source;
