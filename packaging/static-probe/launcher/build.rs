//! Links CPython and its C libraries from the folder `PREFIX` that `c-libraries.sh` and `python.sh` filled.

fn main() {
    println!("cargo:rerun-if-env-changed=PREFIX");
    println!("cargo:rerun-if-env-changed=FAULTLINE_COMMIT");
    let prefix = std::env::var("PREFIX").expect("PREFIX names the folder with the C libraries");
    println!("cargo:rustc-link-search=native={prefix}/lib");
    // Users before providers: static archives are read once, in this order.
    for library in ["python3.11", "mpdec", "expat", "ssl", "crypto", "sqlite3", "ffi", "z"] {
        println!("cargo:rustc-link-lib=static={library}");
    }
}
