//! Frames of an interface, from a ring that the kernel fills (`AF_PACKET`, `TPACKET_V3`, Linux 3.2 and later).
//!
//! It needs `CAP_NET_RAW` when it is opened and nothing after. A link that goes down is silence; an interface that goes away is an error.

use std::io;

use super::ring::{Captured, Ring};
use super::socket::{exists, Interface, Socket, Wait};
use super::{FrameSource, Progress, SourceCounts, SourceError, BATCH};
use crate::packet::{Frame, LinkType, Passage, VlanTags};

/// An Ethernet header and two tags: what a frame may have beyond the interface's MTU.
const LINK_OCTETS: u32 = 14 + 8;
const TAG_OCTETS: u32 = 4;

/// How to capture.
#[derive(Clone, Copy, Debug)]
pub struct LiveOptions {
    /// Octets of the ring; whole blocks of 128 KiB to 1 MiB, two at least.
    pub ring_octets: usize,
    /// When the kernel hands over a block that is not full.
    pub block_timeout_ms: u32,
    /// How long `next_batch` waits before it says `Idle`.
    pub patience_ms: u32,
    /// Octets kept of a frame; none keeps what fits into a block.
    pub snap_octets: Option<u32>,
    /// Frames for other stations too.
    pub promiscuous: bool,
    /// `Frame::interface`.
    pub interface: u16,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            ring_octets: 8 << 20,
            block_timeout_ms: 10,
            patience_ms: 100,
            snap_octets: None,
            promiscuous: true,
            interface: 0,
        }
    }
}

/// A live interface as a source.
pub struct LiveCapture {
    name: String,
    interface: Interface,
    options: LiveOptions,
    // Before the socket: the mapping goes first.
    ring: Ring,
    socket: Socket,
    counts: SourceCounts,
}

impl LiveCapture {
    /// Begin to capture.
    ///
    /// The error is `Io`: `PermissionDenied` without `CAP_NET_RAW`, `ENODEV` when there is no such interface.
    pub fn open(name: &str, options: LiveOptions) -> Result<Self, SourceError> {
        Self::begin(name, options).map_err(|error| SourceError::Io {
            name: name.to_owned(),
            error,
        })
    }

    fn begin(name: &str, options: LiveOptions) -> io::Result<Self> {
        let mut socket = Socket::new(false)?;
        let interface = socket.interface(name)?;
        if !interface.is_ethernet() {
            // Tunnels and PPP: let the kernel take the link header off and name the protocol.
            socket = Socket::new(true)?;
        }
        socket.stamp_on_arrival()?;
        if let Some(octets) = options.snap_octets {
            socket.snap(octets)?;
        }
        if options.promiscuous && !interface.is_loopback {
            socket.listen_to_all(&interface)?;
        }
        let ring = Ring::map(&socket, options.ring_octets, options.block_timeout_ms)?;
        socket.bind(&interface)?;
        Ok(Self {
            name: name.to_owned(),
            interface,
            options,
            ring,
            socket,
            counts: SourceCounts::default(),
        })
    }

    /// Wait for a block; none when nothing came.
    fn wait(&mut self) -> Result<Progress, SourceError> {
        let most_ms = self.options.patience_ms.min(i32::MAX as u32) as i32;
        match self.socket.wait(most_ms) {
            Ok(Wait::Ready) => Ok(Progress::More),
            Ok(Wait::Nothing) => Ok(Progress::Idle),
            // The link went down: the kernel goes on by itself when it comes up again.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) && exists(self.interface.index) => Ok(Progress::Idle),
            Err(_) if !exists(self.interface.index) => Err(self.error(io::Error::from_raw_os_error(libc::ENODEV))),
            Err(error) => Err(self.error(error)),
        }
    }

    fn error(&self, error: io::Error) -> SourceError {
        SourceError::Io {
            name: self.name.clone(),
            error,
        }
    }

    fn ask_kernel(&mut self) {
        // It starts from zero with every question. An interface that went away has no more to say.
        if let Ok(more) = self.socket.statistics() {
            self.counts.received += u64::from(more.received);
            self.counts.dropped += u64::from(more.dropped);
            self.counts.freezes += u64::from(more.freezes);
        }
    }
}

#[inline]
fn frame<'a>(captured: &Captured<'a>, interface: &Interface, number: u16) -> Frame<'a> {
    let mut vlans = VlanTags::NONE;
    if let Some(tci) = captured.vlan_tci {
        vlans.push(tci);
    }
    Frame {
        ts_ns: captured.ts_ns,
        octets: captured.octets,
        wire_octets: captured.wire_octets + TAG_OCTETS * vlans.tcis().len() as u32,
        link: if interface.is_ethernet() {
            LinkType::Ethernet
        } else {
            LinkType::Network(captured.protocol)
        },
        vlans,
        passage: if captured.outgoing {
            Passage::Outgoing
        } else {
            Passage::Incoming
        },
        // Bursts of UDP carry no flag; nothing else is longer than the link allows.
        super_segment: captured.super_segment || captured.wire_octets > interface.mtu.saturating_add(LINK_OCTETS),
        checksum_unfinished: captured.checksum_unfinished,
        interface: number,
    }
}

impl FrameSource for LiveCapture {
    fn next_batch(&mut self, sink: &mut dyn FnMut(&[Frame<'_>])) -> Result<Progress, SourceError> {
        let Some(mut block) = self.ring.block() else {
            return self.wait();
        };
        let mut frames = [Frame::default(); BATCH];
        loop {
            let mut count = 0;
            for captured in block.by_ref() {
                // A loopback device shows every frame twice, going out and coming in.
                if captured.outgoing && self.interface.is_loopback {
                    self.counts.copies += 1;
                    continue;
                }
                frames[count] = frame(&captured, &self.interface, self.options.interface);
                count += 1;
                if count == BATCH {
                    break;
                }
            }
            if count == 0 {
                break;
            }
            sink(&frames[..count]);
            self.counts.frames += count as u64;
        }
        self.ring.release();
        Ok(Progress::More)
    }

    fn counts(&mut self) -> SourceCounts {
        self.ask_kernel();
        self.counts
    }
}
