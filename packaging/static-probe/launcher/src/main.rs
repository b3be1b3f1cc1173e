//! The probe as one static file: starts the CPython linked into this program on the modules appended to it.
//!
//! What goes in: command-line arguments. What comes out: what `probe.cli:main` does. The environment of the caller
//! (`PYTHONPATH`, `PYTHONHOME`, ...) and the Python of the host, if it has one, are not looked at.

mod symbols;

use _native as _; // brings PyInit__native into the link
use libmimalloc_sys as _; // defines malloc and free for every part of the program
use pyo3::prelude::*;
use std::ffi::{c_char, c_int, c_void, CStr, CString};

extern "C" {
    static mut Py_IgnoreEnvironmentFlag: c_int;
    static mut Py_IsolatedFlag: c_int;
    static mut Py_NoSiteFlag: c_int;
    static mut Py_NoUserSiteDirectory: c_int;
    static mut Py_DontWriteBytecodeFlag: c_int;
    static mut Py_UTF8Mode: c_int;
    fn Py_DecodeLocale(text: *const c_char, length: *mut usize) -> *mut libc::wchar_t;
    fn Py_SetPath(path: *const libc::wchar_t);
    fn Py_SetProgramName(name: *const libc::wchar_t);
    fn Py_FinalizeEx() -> c_int;
    fn OPENSSL_init_crypto(options: u64, settings: *const c_void) -> c_int;
    fn PyInit__native() -> *mut pyo3::ffi::PyObject;
}

/// `OPENSSL_INIT_NO_LOAD_CONFIG`: a host's openssl.cnf may name providers that a static library cannot load.
const NO_LOAD_CONFIG: u64 = 0x80;

/// Two things before the probe starts: threads get more stack than musl's 128 KiB, which some 250 levels of calls between
/// Python and C overrun; the native module, linked in, is found inside its package, where Python 3.11 looks for files only.
const START: &CStr = c"
import sys, _frozen_importlib, _thread
_thread.stack_size(4 << 20)

class Native:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'faultline.native._native':
            return _frozen_importlib.spec_from_loader(name, _frozen_importlib.BuiltinImporter, origin='built-in')

sys.meta_path.append(Native)
if sys.argv[1:2] == ['-c'] and len(sys.argv) > 2:  # a look inside, for diagnosis
    source, sys.argv = sys.argv[2], ['-c', *sys.argv[3:]]
    exec(compile(source, '<string>', 'exec'), {'__name__': '__main__'})
else:
    from probe.cli import main
    main()
";

fn main() {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if arguments.get(1).is_some_and(|argument| argument == "--version") {
        println!(
            "faultline-probe {} ({})",
            env!("CARGO_PKG_VERSION"),
            option_env!("FAULTLINE_COMMIT").unwrap_or("unknown commit")
        );
        return;
    }
    let Some(program) = own_path() else {
        eprintln!(
            "error: cannot find this program's own file\nhint: mount /proc: the probe reads its modules from /proc/self/exe"
        );
        std::process::exit(1);
    };
    prepare(&program);
    Python::initialize();
    let code = Python::attach(|python| match start(python, &program, arguments) {
        Ok(()) => 0,
        Err(error) => exit_code(python, &error),
    });
    // SAFETY: the interpreter is initialised and no other thread of ours uses it; exit handlers and buffers need this.
    let finished = unsafe {
        pyo3::ffi::PyGILState_Ensure();
        Py_FinalizeEx()
    };
    std::process::exit(if code == 0 && finished < 0 { 120 } else { code });
}

fn own_path() -> Option<String> {
    std::env::current_exe().ok()?.into_os_string().into_string().ok()
}

/// Makes the interpreter look for modules in this file and nowhere else, and gives it the native module.
fn prepare(program: &str) {
    let path = CString::new(program).expect("a path has no NUL");
    // SAFETY: before the interpreter starts and in its only thread, as these functions and variables want it.
    unsafe {
        Py_IgnoreEnvironmentFlag = 1;
        Py_IsolatedFlag = 1;
        Py_NoSiteFlag = 1;
        Py_NoUserSiteDirectory = 1;
        Py_DontWriteBytecodeFlag = 1;
        Py_UTF8Mode = 1;
        OPENSSL_init_crypto(NO_LOAD_CONFIG, std::ptr::null());
        let wide = Py_DecodeLocale(path.as_ptr(), std::ptr::null_mut());
        Py_SetProgramName(wide);
        Py_SetPath(wide);
        pyo3::ffi::PyImport_AppendInittab(c"faultline.native._native".as_ptr(), Some(PyInit__native));
    }
}

fn start(python: Python<'_>, program: &str, arguments: Vec<String>) -> PyResult<()> {
    let sys = python.import("sys")?;
    sys.setattr("executable", program)?;
    sys.setattr("argv", arguments)?;
    python.run(START, None, None)
}

fn exit_code(python: Python<'_>, error: &PyErr) -> i32 {
    if !error.is_instance_of::<pyo3::exceptions::PySystemExit>(python) {
        error.print(python);
        return 1;
    }
    match error.value(python).getattr("code") {
        Ok(code) if code.is_none() => 0,
        Ok(code) => code.extract().unwrap_or_else(|_| {
            eprintln!("{code}");
            1
        }),
        Err(_) => 1,
    }
}
