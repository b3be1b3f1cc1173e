#!/usr/bin/env bash
# dist/faultline-probe-ARCH: the probe as one static file, with CPython, the native module and every library inside.
#
#   packaging/static-probe/build.sh [x86_64|aarch64]
#
# Run after packaging/setup.sh python, on x86-64 Debian. The C parts are made once and kept in .cache/static-probe.
# Environment: JOBS (compilers at a time; default all cores), STATIC_PROBE_CACHE (instead of .cache/static-probe).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
ARCH=${1:-x86_64}
JOBS=${JOBS:-$(nproc)}
cache=${STATIC_PROBE_CACHE:-$root/.cache/static-probe}
mkdir -p "$cache/sources" "$cache/$ARCH" "$root/dist"
cache=$(cd "$cache" && pwd)
SOURCES=$cache/sources
WORK=$cache/$ARCH
BUILD_PYTHON=/usr/bin/python3.11 # runs CPython's own scripts when it is built for another architecture
zig_environment=$cache/zig
output=$root/dist/faultline-probe-$ARCH

say() { printf 'probe: %s\n' "$*" >&2; }
stop() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

case $ARCH in
  x86_64 | aarch64) ;;
  *) stop "no static probe for '$ARCH'" "one of x86_64, aarch64" ;;
esac
exec 9>"$cache/lock"
flock 9

step() { # step TEXT COMMAND...: run quietly, show how long it took, and the output's end when it failed
  local text=$1 start=$SECONDS log
  shift
  log=$(mktemp "$cache/step.XXXXXX")
  say "$text ..."
  if "$@" >"$log" 2>&1; then
    say "  done in $((SECONDS - start)) s"
    rm -f "$log"
  else
    tail -n 30 "$log" >&2
    rm -f "$log"
    return 1
  fi
}

once() { # once MARK FILES -- TEXT COMMAND...: a step left out while the files it is made from are the same
  local mark=$WORK/$1.made files=() made_from
  shift
  while [ "$1" != -- ]; do
    files+=("$here/$1")
    shift
  done
  shift
  made_from=$(cat "${files[@]}" | sha256sum)
  [ "$(cat "$mark" 2>/dev/null)" != "$made_from" ] || return 0
  rm -f "$mark"
  step "$@"
  echo "$made_from" >"$mark"
}

tools() {
  local tool missing=()
  for tool in make gcc perl tclsh dpkg-source patch readelf cargo rustup; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} = 0 ] || stop "not found: ${missing[*]}" "apt-get install build-essential dpkg-dev tcl, and Rust from https://rustup.rs"
  "$root/.venv/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null ||
    stop "the static probe is compiled by Python 3.11, which .venv does not have" "rm -r .venv, then PYTHON=python3.11 make probe"
  [ "$ARCH" = "$(uname -m)" ] || [ -x "$BUILD_PYTHON" ] || stop "no $BUILD_PYTHON to build for $ARCH with" "apt-get install python3 (Debian 12 has 3.11)"
  ZIG=$zig_environment/lib/python3.11/site-packages/ziglang/zig
  if [ ! -x "$ZIG" ] || ! cmp -s "$here/requirements.txt" "$zig_environment/requirements.txt"; then
    step "installing zig, the C compiler" sh -c '"$1" -m venv "$2" && "$2/bin/pip" install --quiet --require-hashes -r "$3" && cp "$3" "$2"' \
      install "$root/.venv/bin/python" "$zig_environment" "$here/requirements.txt"
  fi
  target=$ARCH-unknown-linux-musl
  rustup target list --installed | grep -qx "$target" ||
    step "adding Rust's target $target" rustup target add "$target" || stop "no Rust target $target" "rustup target add $target"
}

complete() { (cd "$SOURCES" && grep -E '^[0-9a-f]{64} ' "$here/sources.txt" | sha256sum --check --quiet --strict) >/dev/null 2>&1; }

download() { # from where this machine has its Debian packages, without touching its own lists
  local apt=$cache/apt file packages
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$file" >"$apt/parts/$(basename "$file")"
  done
  cat >"$apt/apt.conf" <<CONFIGURATION
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/parts";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
CONFIGURATION
  mapfile -t packages < <(awk '$1 == "source" {print $2}' "$here/sources.txt")
  cd "$SOURCES"
  APT_CONFIG=$apt/apt.conf apt-get update
  APT_CONFIG=$apt/apt.conf apt-get source --download-only "${packages[@]}"
}

launcher() {
  cat >"$WORK/pyo3.cfg" <<CONFIGURATION
implementation=CPython
version=3.11
shared=false
abi3=true
lib_name=python3.11
lib_dir=$WORK/prefix/lib
pointer_width=64
build_flags=
suppress_build_script_link_lines=false
CONFIGURATION
  . "$here/toolchain.sh"
  local name=${target//-/_}
  # Rust brings the C library and the linker of this target; the C compiler only makes zstd's and mimalloc's objects.
  env "CC_$name=$CC" "AR_$name=$AR" "CARGO_TARGET_${name^^}_LINKER=rust-lld" \
    "CARGO_TARGET_${name^^}_RUSTFLAGS=-Clinker-flavor=ld.lld -Clink-self-contained=yes -Ctarget-feature=+crt-static --remap-path-prefix=$root=faultline --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
    PREFIX="$WORK/prefix" PYO3_CONFIG_FILE="$WORK/pyo3.cfg" FAULTLINE_COMMIT="$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)" \
    cargo build --release --locked --jobs "$JOBS" --manifest-path "$here/launcher/Cargo.toml" --target "$target" --target-dir "$WORK/target"
}

tools
export WORK SOURCES ARCH JOBS ZIG BUILD_PYTHON
complete || step "downloading the pinned sources" download || true
complete || stop "the sources in $SOURCES are not the pinned ones" \
  "put there the files that packaging/static-probe/sources.txt names (an archive of Debian's old versions has those the mirror dropped)"
once c-libraries sources.txt requirements.txt toolchain.sh c-libraries.sh -- \
  "building zlib, libffi, SQLite and OpenSSL for $ARCH (minutes, once)" "$here/c-libraries.sh"
once python sources.txt requirements.txt toolchain.sh c-libraries.sh python.sh Setup.local -- \
  "building CPython for $ARCH (minutes, once)" "$here/python.sh"
step "building the program" launcher
step "packing the modules" "$root/.venv/bin/python" "$here/pack.py" --program "$WORK/target/$target/release/faultline-probe" \
  --standard-library "$WORK/stdlib" --output "$output"
[ "$ARCH" != "$(uname -m)" ] || "$output" --help >/dev/null
say "$output: $(stat -c %s "$output") octets"
