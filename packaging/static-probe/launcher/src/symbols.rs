//! `dlopen` and its kin for a program without a dynamic linker.
//!
//! musl's static libc has a `dlopen` that always fails, and `import ctypes` opens the program itself first. Here the
//! program and the C library are one table of functions; any other library does not exist.

use std::ffi::{c_char, c_int, c_void, CStr};

struct Symbol(&'static str, *const c_void);

// SAFETY: the addresses are of functions, which never change.
unsafe impl Sync for Symbol {}

macro_rules! table {
    ($($name:ident),* $(,)?) => { &[$(Symbol(stringify!($name), libc::$name as *const c_void)),*] };
}

/// What ctypes and the libraries that use it look up; a function the probe needs in future is added here.
static TABLE: &[Symbol] = table![
    adjtimex,
    bind,
    clock_adjtime,
    close,
    eventfd,
    free,
    freeifaddrs,
    getifaddrs,
    getpid,
    getsockopt,
    if_indextoname,
    if_nametoindex,
    ioctl,
    malloc,
    memcpy,
    mount,
    open,
    prctl,
    read,
    recvmsg,
    sched_setaffinity,
    sendmsg,
    setns,
    setsockopt,
    strerror,
    strlen,
    syscall,
    umount,
    umount2,
    unshare,
    write,
];

static HANDLE: u8 = 1;

fn handle() -> *mut c_void {
    (&raw const HANDLE).cast_mut().cast()
}

/// # Safety
/// `name` is null or a C string.
#[no_mangle]
pub unsafe extern "C" fn dlopen(name: *const c_char, _flags: c_int) -> *mut c_void {
    // SAFETY: as the caller promises.
    let known = name.is_null() || matches!(unsafe { CStr::from_ptr(name) }.to_bytes(), b"libc.so.6" | b"libc.so");
    if known {
        handle()
    } else {
        std::ptr::null_mut()
    }
}

/// # Safety
/// `name` is a C string.
#[no_mangle]
pub unsafe extern "C" fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void {
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    let found = TABLE.iter().find(|symbol| library == handle() && symbol.0.as_bytes() == name);
    found.map_or(std::ptr::null_mut(), |symbol| symbol.1.cast_mut())
}

#[no_mangle]
pub extern "C" fn dlerror() -> *const c_char {
    c"not among the functions of this static program".as_ptr()
}

#[no_mangle]
pub extern "C" fn dlclose(_library: *mut c_void) -> c_int {
    0
}

/// libffi's closures call this function of the C compiler's runtime library, which Rust's own does not have.
///
/// # Safety
/// `start` to `end` is memory of this process.
#[cfg(target_arch = "aarch64")]
#[no_mangle]
pub unsafe extern "C" fn __clear_cache(start: *mut c_char, end: *mut c_char) {
    use std::arch::asm;
    // SAFETY: cache maintenance by address changes no memory; the line sizes come from the processor itself.
    unsafe {
        let sizes: u64;
        asm!("mrs {}, ctr_el0", out(reg) sizes);
        let (data, code) = (4usize << ((sizes >> 16) & 15), 4usize << (sizes & 15));
        for line in (start as usize & !(data - 1)..end as usize).step_by(data) {
            asm!("dc cvau, {}", in(reg) line);
        }
        asm!("dsb ish");
        for line in (start as usize & !(code - 1)..end as usize).step_by(code) {
            asm!("ic ivau, {}", in(reg) line);
        }
        asm!("dsb ish", "isb");
    }
}
