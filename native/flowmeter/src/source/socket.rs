//! The packet socket of one interface: the system calls, each with its error.

use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_void, socklen_t};

/// What the kernel says about an interface.
#[derive(Clone, Copy)]
pub(super) struct Interface {
    pub index: u32,
    /// Largest IP packet.
    pub mtu: u32,
    /// `ARPHRD_` number.
    pub hardware: u16,
    pub is_loopback: bool,
}

impl Interface {
    /// Its frames start with an Ethernet header.
    pub fn is_ethernet(&self) -> bool {
        [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK].contains(&self.hardware)
    }
}

/// Counts of the kernel since they were asked for the last time.
#[derive(Clone, Copy, Default)]
pub(super) struct Statistics {
    /// Includes `dropped`.
    pub received: u32,
    pub dropped: u32,
    pub freezes: u32,
}

/// What waiting for frames came to.
#[derive(PartialEq, Eq)]
pub(super) enum Wait {
    Ready,
    Nothing,
}

/// A packet socket.
pub(super) struct Socket(OwnedFd);

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

impl Socket {
    /// A socket that takes nothing before it is bound; without the link header when `cooked`.
    pub fn new(cooked: bool) -> io::Result<Self> {
        let kind = if cooked { libc::SOCK_DGRAM } else { libc::SOCK_RAW };
        // SAFETY: a plain system call on numbers.
        let descriptor = checked(unsafe { libc::socket(libc::AF_PACKET, kind | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: the descriptor is new, open and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Look an interface up by its name; `ENODEV` when there is none.
    pub fn interface(&self, name: &str) -> io::Result<Interface> {
        let name = CString::new(name).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
        let octets = name.as_bytes_with_nul();
        if octets.len() > libc::IFNAMSIZ {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        // SAFETY: `name` is a string that ends with a zero and outlives the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: all zeros is a value of this plain C structure.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(octets) {
            *to = *from as libc::c_char;
        }
        let mut ask = |what: libc::c_ulong| {
            // SAFETY: `request` is an ifreq with a name that ends with a zero; these three calls write into its union only.
            checked(unsafe { libc::ioctl(self.0.as_raw_fd(), what as _, &raw mut request) })?;
            Ok::<_, io::Error>(request.ifr_ifru)
        };
        let (hardware, mtu, flags) = (ask(libc::SIOCGIFHWADDR)?, ask(libc::SIOCGIFMTU)?, ask(libc::SIOCGIFFLAGS)?);
        // SAFETY: each call above filled the member that is read here; all members are plain numbers.
        let (hardware, mtu, flags) = unsafe { (hardware.ifru_hwaddr.sa_family, mtu.ifru_mtu, flags.ifru_flags) };
        Ok(Interface {
            index,
            mtu: mtu.max(0) as u32,
            hardware,
            is_loopback: c_int::from(flags) & libc::IFF_LOOPBACK != 0,
        })
    }

    /// Set an option from any plain C value.
    fn set<T: Copy>(&self, level: c_int, option: c_int, value: &T) -> io::Result<()> {
        let pointer: *const T = value;
        let octets = mem::size_of::<T>() as socklen_t;
        // SAFETY: pointer and length are those of one live value, which the kernel copies.
        checked(unsafe { libc::setsockopt(self.0.as_raw_fd(), level, option, pointer.cast::<c_void>(), octets) })?;
        Ok(())
    }

    fn get<T: Copy + Default>(&self, level: c_int, option: c_int) -> io::Result<T> {
        let mut value = T::default();
        let mut octets = mem::size_of::<T>() as socklen_t;
        let pointer: *mut T = &raw mut value;
        // SAFETY: pointer and length are those of one live value of numbers, which any octets are valid for.
        checked(unsafe { libc::getsockopt(self.0.as_raw_fd(), level, option, pointer.cast::<c_void>(), &raw mut octets) })?;
        Ok(value)
    }

    /// Keep no more than so many octets of each frame (a classic BPF program of one instruction).
    pub fn snap(&self, octets: u32) -> io::Result<()> {
        let mut program = [libc::sock_filter {
            code: (libc::BPF_RET | libc::BPF_K) as u16,
            jt: 0,
            jf: 0,
            k: octets,
        }];
        let filter = libc::sock_fprog {
            len: 1,
            filter: program.as_mut_ptr(),
        };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }

    /// Have frames stamped when the kernel gets them, not when it copies them into the ring.
    pub fn stamp_on_arrival(&self) -> io::Result<()> {
        self.set::<c_int>(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1)
    }

    /// Take frames for other stations too, as long as the socket is open.
    pub fn listen_to_all(&self, interface: &Interface) -> io::Result<()> {
        let membership = libc::packet_mreq {
            mr_ifindex: interface.index as c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
    }

    /// Ask for a ring of version 3.
    pub fn ring(&self, request: &libc::tpacket_req3) -> io::Result<()> {
        let version = libc::tpacket_versions::TPACKET_V3 as c_int;
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, request)
    }

    /// Begin: every protocol of one interface.
    pub fn bind(&self, interface: &Interface) -> io::Result<()> {
        // SAFETY: all zeros is a value of this plain C structure.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = interface.index as c_int;
        let pointer: *const libc::sockaddr_ll = &raw const address;
        let octets = mem::size_of::<libc::sockaddr_ll>() as socklen_t;
        // SAFETY: pointer and length are those of one live address.
        checked(unsafe { libc::bind(self.0.as_raw_fd(), pointer.cast(), octets) })?;
        Ok(())
    }

    /// Counts since the last call.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let [received, dropped, freezes] = self.get::<[u32; 3]>(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Statistics {
            received,
            dropped,
            freezes,
        })
    }

    /// Wait until a block is ready, at most so long; the error is the socket's own.
    pub fn wait(&self, most_ms: c_int) -> io::Result<Wait> {
        let mut waiting = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN | libc::POLLERR,
            revents: 0,
        };
        // SAFETY: one live entry, and the count says so.
        match checked(unsafe { libc::poll(&raw mut waiting, 1, most_ms) }) {
            Ok(0) => return Ok(Wait::Nothing),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Wait::Nothing),
            Err(error) => return Err(error),
        }
        if waiting.revents & libc::POLLERR != 0 {
            let error: c_int = self.get(libc::SOL_SOCKET, libc::SO_ERROR)?;
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
        }
        Ok(Wait::Ready)
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> c_int {
        self.0.as_raw_fd()
    }
}

/// Whether there still is an interface with this number.
pub(super) fn exists(index: u32) -> bool {
    let mut name = [0; libc::IFNAMSIZ];
    // SAFETY: the buffer has the size that the call asks for.
    unsafe { !libc::if_indextoname(index, name.as_mut_ptr()).is_null() }
}
