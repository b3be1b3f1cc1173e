#!/usr/bin/env bash
# Sets up what a make target needs, shows what it does, and does nothing the second time.
#
#   packaging/setup.sh python          .venv, locked dependencies, the native module in release mode
#   packaging/setup.sh demo            the above, and the Debian packages of the demo network (when root)
#   packaging/setup.sh test            the above, and the real servers and browsers that tests use (when root), and influxd
#   packaging/setup.sh engines         .cache/engines: ClickHouse as a library and Spark, about 1 GB; LibreOffice (when root), 90 MB to
#                                      fetch and 280 MB on the disk; leaves the native module as it is
#
# Environment: PYTHON (interpreter to start from), INFLUXD (an influxd to use instead of building one).
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-python}
cache=$PWD/.cache
mkdir -p "$cache"

say() { printf 'set-up: %s\n' "$*" >&2; }
stop() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

# Two makes at once would build over each other.
exec 9>"$cache/setup.lock"
flock 9

step() { # step TEXT COMMAND...: run quietly, show how long it took, and the output when it failed
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

fingerprint() { # of the files named on standard input, names and contents
  sort | xargs -d '\n' sha256sum | sha256sum | cut -d' ' -f1
}

python_environment() {
  local python=${PYTHON:-}
  if [ -z "$python" ]; then
    for python in python3 python3.13 python3.12 python3.11; do
      command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && break
      python=
    done
  fi
  [ -n "$python" ] || stop "no Python 3.11 or newer found" "install python3 and python3-venv (Debian 12 has 3.11), or set PYTHON"
  if [ ! -x .venv/bin/python ]; then
    step "creating .venv with $("$python" --version)" "$python" -m venv .venv ||
      stop "cannot create .venv" "install python3-venv"
  fi
  local locked
  locked=$(echo requirements.lock | fingerprint)
  if [ "$(cat .venv/faultline-locked 2>/dev/null)" != "$locked" ]; then
    local uv
    uv=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
    [ -x .venv/bin/uv ] || step "installing uv $uv" .venv/bin/python -m pip install --quiet "uv==$uv" ||
      stop "cannot install uv" "check that the package index is reachable"
    step "installing the locked dependencies" .venv/bin/uv pip sync --python .venv/bin/python requirements.lock ||
      stop "cannot install the dependencies of requirements.lock" "check that the package index is reachable"
    rm -f .venv/faultline-native  # the sync removed our own package
    echo "$locked" >.venv/faultline-locked
  fi
}

native_module() {
  local sources
  sources=$(find native -path native/target -prune -o -path native/fuzz -prune -o -type f \( -name '*.rs' -o -name 'Cargo.*' -o -name '*.toml' -o -name '*.tsv' \) -print |
    { cat; echo faultline/records/fields.toml; echo pyproject.toml; } | fingerprint)
  if [ "$(cat .venv/faultline-native 2>/dev/null)" != "$sources" ] || ! ls faultline/native/_native*.so >/dev/null 2>&1; then
    command -v cargo >/dev/null || stop "no cargo found: the native module is written in Rust" "install Rust 1.85 or newer (https://rustup.rs)"
    step "building the native module (release)" .venv/bin/maturin develop --release --uv --quiet ||
      stop "the native module does not build" "the compiler's message is above"
    echo "$sources" >.venv/faultline-native
  fi
}

debian_packages() { # debian_packages TIER: packages of packaging/debian-packages.txt that are missing
  local missing=() name tier what
  command -v dpkg-query >/dev/null || return 0
  while read -r tier name what; do
    case "$tier" in "#"* | "") continue ;; esac
    [ "$tier" = "$1" ] || [ "$tier $1" = "demo test" ] || continue
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done <packaging/debian-packages.txt
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    say "not root: left out: ${missing[*]} (apt-get install them to have everything; what needs them is skipped with that reason)"
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  if ! step "installing Debian packages: ${missing[*]}" sh -c "apt-get install -y --no-install-recommends ${missing[*]} || { apt-get update && apt-get install -y --no-install-recommends ${missing[*]}; }"; then
    say "could not install them: what needs them is skipped with that reason"
  fi
}

influxd() {
  [ -z "${INFLUXD:-}" ] || return 0
  [ -z "$(type -P influxd)" ] || return 0  # a program on PATH, not this function
  [ ! -x "$cache/bin/influxd" ] || return 0
  if ! command -v go >/dev/null; then
    say "no go found: influxd is not built; tests that need it are skipped with that reason"
    return 0
  fi
  step "building influxd 1.8.10 into .cache/bin (about a minute, once)" \
    env GOFLAGS=-mod=mod GOBIN="$cache/bin" go install github.com/influxdata/influxdb/cmd/influxd@v1.8.10 ||
    say "could not build influxd: tests that need it are skipped with that reason"
}

engines() { # what reads the flow archive beside us, each pinned, in an environment that shares nothing with ours
  local locked
  locked=$(echo packaging/engines.lock | fingerprint)
  if [ "$(cat "$cache/engines/faultline-locked" 2>/dev/null)" != "$locked" ]; then
    [ -x "$cache/engines/bin/python" ] || step "creating .cache/engines" .venv/bin/uv venv --python .venv/bin/python "$cache/engines" ||
      stop "cannot create .cache/engines" "is there room on the disk?"
    step "installing the engines (about 600 MB to fetch, once)" .venv/bin/uv pip sync --python "$cache/engines/bin/python" packaging/engines.lock ||
      stop "cannot install the engines of packaging/engines.lock" "check that the package index is reachable"
    echo "$locked" >"$cache/engines/faultline-locked"
  fi
  command -v java >/dev/null || say "no java found: what asks Spark is skipped with that reason (Debian: openjdk-17-jre-headless)"
}

python_environment
[ "$want" = engines ] || native_module
case "$want" in
  python) ;;
  demo) debian_packages demo ;;
  test)
    debian_packages test
    influxd
    ;;
  engines)
    engines
    debian_packages engines
    ;;
  *) stop "unknown set-up '$want'" "one of python, demo, test, engines" ;;
esac
