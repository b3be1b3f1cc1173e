//! Packets in, flow records out.
//!
//! `source` gives frames, `parse` reads a packet from each (`packet` has the words they share); `meter` keeps the flows in `table`,
//! with `tcp` as the rules of TCP and `app` as
//! what payload tells, and cuts records, which `output` writes. `run` and `capture` are the two ways to run it all.

pub mod app;
pub mod application;
pub mod capture;
pub mod copies;
pub mod distribution;
pub mod flow;
pub mod fragments;
pub mod key;
pub mod live;

pub mod meter;
pub mod output;
pub mod packet;
pub mod parse;
pub mod run;
pub mod source;
pub mod table;
pub mod tcp;
