# shellcheck shell=bash
# Sourced by the build steps. Reads WORK (this architecture's folder), ARCH and ZIG; sets TRIPLE, CC, AR and RANLIB.
# The tools are one-word commands, which is what configure scripts and Rust's cc crate want.
TRIPLE=$ARCH-linux-musl
mkdir -p "$WORK/bin"
export ZIG_GLOBAL_CACHE_DIR=$WORK/zig ZIG_LOCAL_CACHE_DIR=$WORK/zig
# Without -g0 and -fno-sanitize zig adds debug information and traps for undefined behaviour.
# Rust's cc crate says --target=... in a spelling that zig refuses: dropped, the wrapper knows better.
cat >"$WORK/bin/cc.new" <<WRAPPER
#!/bin/sh
for argument; do
  shift
  case \$argument in --target=*) ;; *) set -- "\$@" "\$argument" ;; esac
done
exec "$ZIG" cc -target $TRIPLE -fno-sanitize=all -g0 -w "\$@"
WRAPPER
printf '#!/bin/sh\nexec "%s" ar "$@"\n' "$ZIG" >"$WORK/bin/ar.new"
printf '#!/bin/sh\nexec "%s" ranlib "$@"\n' "$ZIG" >"$WORK/bin/ranlib.new"
for tool in cc ar ranlib; do
  chmod +x "$WORK/bin/$tool.new"
  mv "$WORK/bin/$tool.new" "$WORK/bin/$tool"
done
CC=$WORK/bin/cc AR=$WORK/bin/ar RANLIB=$WORK/bin/ranlib
