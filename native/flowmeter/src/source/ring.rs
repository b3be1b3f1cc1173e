//! The memory that kernel and reader share (`TPACKET_V3`): blocks in turns, frames within a block.
//!
//! A block belongs to the kernel or to the reader, and its status word says to whom. While it is the reader's the kernel leaves it
//! alone, so its frames may be borrowed; giving it back takes the ring mutably, so none is borrowed any more.

use std::io;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{sockaddr_ll, tpacket3_hdr, tpacket_block_desc, tpacket_hdr_v1, tpacket_hdr_variant1, tpacket_req3};

use super::socket::Socket;

/// The kernel cuts what does not fit into a block: the largest super-segment has to.
const LEAST_BLOCK: usize = 128 << 10;
const MOST_BLOCK: usize = 1 << 20;
/// Blocks in turns: one is read while the others fill.
const BLOCKS: usize = 8;
/// Version 3 packs frames; this only has to divide a block.
const FRAME: usize = 2048;

const STATUS: usize = offset_of!(tpacket_block_desc, hdr) + offset_of!(tpacket_hdr_v1, block_status);
const FRAMES: usize = offset_of!(tpacket_block_desc, hdr) + offset_of!(tpacket_hdr_v1, num_pkts);
const FIRST: usize = offset_of!(tpacket_block_desc, hdr) + offset_of!(tpacket_hdr_v1, offset_to_first_pkt);
/// The address stands behind the frame's header, aligned to 16 octets.
const ADDRESS: usize = size_of::<tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
/// Segments of a TCP super-segment (`linux/if_packet.h`, since 5.12).
const GSO_TCP: u32 = 1 << 8;

/// What the kernel wrote about a frame.
#[derive(Clone, Copy)]
pub(super) struct Captured<'a> {
    pub ts_ns: i64,
    pub octets: &'a [u8],
    /// Without the tag that was taken out.
    pub wire_octets: u32,
    pub vlan_tci: Option<u16>,
    pub super_segment: bool,
    pub checksum_unfinished: bool,
    pub outgoing: bool,
    /// `EtherType` as the kernel found it.
    pub protocol: u16,
}

/// A mapped ring.
pub(super) struct Ring {
    start: NonNull<u8>,
    block_octets: usize,
    blocks: usize,
    current: usize,
}

// SAFETY: the mapping is the ring's own and no thread keeps a pointer into it.
unsafe impl Send for Ring {}

impl Ring {
    /// Ask the kernel for a ring of about `octets` and map it.
    pub fn map(socket: &Socket, octets: usize, block_timeout_ms: u32) -> io::Result<Self> {
        let block_octets = (octets / BLOCKS).next_power_of_two().clamp(LEAST_BLOCK, MOST_BLOCK);
        let blocks = (octets / block_octets).max(2);
        socket.ring(&tpacket_req3 {
            tp_block_size: block_octets as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: FRAME as u32,
            tp_frame_nr: (block_octets / FRAME * blocks) as u32,
            tp_retire_blk_tov: block_timeout_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        })?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping wherever the kernel likes; the socket has a ring of just this size.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                block_octets * blocks,
                protection,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self {
            start,
            block_octets,
            blocks,
            current: 0,
        })
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the block lies in the mapping, which lives as long as `self`; the word is aligned (blocks start at pages) and both
        // sides only load and store it whole.
        unsafe {
            let block = self.start.as_ptr().add(self.current * self.block_octets);
            AtomicU32::from_ptr(block.add(STATUS).cast())
        }
    }

    /// The next block, when the kernel has finished it.
    pub fn block(&self) -> Option<Block<'_>> {
        // Acquire: what the kernel wrote before it gave the block away is visible after.
        if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the block lies in the mapping and is the reader's until `release`, which needs `&mut self`.
        let octets = unsafe {
            let block = self.start.as_ptr().add(self.current * self.block_octets);
            std::slice::from_raw_parts(block, self.block_octets)
        };
        Some(Block {
            octets,
            at: u32_at(octets, FIRST) as usize,
            left: u32_at(octets, FRAMES),
        })
    }

    /// Give the block back to the kernel and turn to the one after.
    pub fn release(&mut self) {
        // Release: every read of the block is done before the kernel may write to it.
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.current = (self.current + 1) % self.blocks;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping of `map`, whole and not unmapped before; nothing borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.block_octets * self.blocks) };
    }
}

/// The frames of a block in order.
pub(super) struct Block<'a> {
    octets: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Iterator for Block<'a> {
    type Item = Captured<'a>;

    #[inline]
    fn next(&mut self) -> Option<Captured<'a>> {
        self.left = self.left.checked_sub(1)?;
        let header = self.octets.get(self.at..)?;
        if header.len() < ADDRESS + size_of::<sockaddr_ll>() {
            return None;
        }
        let status = u32_at(header, offset_of!(tpacket3_hdr, tp_status));
        let start = usize::from(u16_at(header, offset_of!(tpacket3_hdr, tp_mac)));
        let length = u32_at(header, offset_of!(tpacket3_hdr, tp_snaplen)) as usize;
        let tagged = status & libc::TP_STATUS_VLAN_VALID != 0;
        let tag = offset_of!(tpacket3_hdr, hv1) + offset_of!(tpacket_hdr_variant1, tp_vlan_tci);
        let (sec, nsec) = (offset_of!(tpacket3_hdr, tp_sec), offset_of!(tpacket3_hdr, tp_nsec));
        let captured = Captured {
            ts_ns: i64::from(u32_at(header, sec)) * 1_000_000_000 + i64::from(u32_at(header, nsec)),
            octets: header.get(start..start + length)?,
            wire_octets: u32_at(header, offset_of!(tpacket3_hdr, tp_len)),
            vlan_tci: tagged.then(|| u32_at(header, tag) as u16),
            super_segment: status & GSO_TCP != 0,
            checksum_unfinished: status & libc::TP_STATUS_CSUMNOTREADY != 0,
            outgoing: header[ADDRESS + offset_of!(sockaddr_ll, sll_pkttype)] == libc::PACKET_OUTGOING,
            protocol: u16_at(header, ADDRESS + offset_of!(sockaddr_ll, sll_protocol)).to_be(),
        };
        self.at += u32_at(header, offset_of!(tpacket3_hdr, tp_next_offset)) as usize;
        Some(captured)
    }
}

/// Numbers in the byte order of the host; `octets` was checked to reach so far.
#[inline]
fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

#[inline]
fn u16_at(octets: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([octets[at], octets[at + 1]])
}
