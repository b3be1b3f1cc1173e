#!/usr/bin/env bash
# CPython 3.11 as one archive with every C module the probe may need, and its standard library. After c-libraries.sh.
# Called by build.sh, which sets WORK, SOURCES, ARCH, ZIG and JOBS, and for another architecture BUILD_PYTHON (a 3.11 that runs here).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/toolchain.sh"
prefix=$WORK/prefix
export MAKEFLAGS=

rm -rf "$WORK/python" "$WORK/debian"
mkdir "$WORK/python"
tar xf "$SOURCES"/python3.11_*.orig.tar.gz -C "$WORK/python" --strip-components=1
tar xf "$SOURCES"/python3.11_*.debian.tar.xz -C "$WORK"
cd "$WORK/python"
# Debian's fixes of security holes and crashes; its patches for packaging do not concern a static build.
while read -r name; do
  patch -p1 -s -f -i "../debian/patches/$name"
done < <(grep -E '^(CVE|000)|^relfile|^shutdown-dead|^frame_dealloc' ../debian/patches/series | cut -d' ' -f1)
# configure asks the compiler for its multiarch name, and stops when it is not the one it guessed.
sed -i "s|MULTIARCH=.*print-multiarch.*|MULTIARCH=$TRIPLE PLATFORM_TRIPLET=$TRIPLE|" configure
cp "$here/Setup.local" Modules/Setup.local

cross=()
if [ "$ARCH" != "$(uname -m)" ]; then
  # What configure otherwise finds out by running programs; without answers it assumes the worst, or stops.
  cross=(--host="$TRIPLE" --build="$(uname -m)-linux-gnu" --with-build-python="$BUILD_PYTHON"
    ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_buggy_getaddrinfo=no ac_cv_working_tzset=yes
    ac_cv_computed_gotos=yes ac_cv_broken_sem_getvalue=no ac_cv_posix_semaphores_enabled=yes)
fi
# -fPIC because the launcher is a position-independent program. dlopen counts as present: the launcher brings its own.
./configure "${cross[@]}" CC="$CC" AR="$AR" RANLIB="$RANLIB" READELF="$(command -v readelf)" CFLAGS="-fPIC" \
  LDFLAGS="-static -no-pie -L$prefix/lib" CPPFLAGS="-I$prefix/include" LINKFORSHARED=" " PKG_CONFIG=false \
  LIBSQLITE3_CFLAGS="-I$prefix/include" LIBSQLITE3_LIBS="-L$prefix/lib -lsqlite3" --with-openssl="$prefix" \
  --disable-shared --disable-test-modules --without-ensurepip --prefix=/usr
make -j"$JOBS" LINKFORSHARED=" " libpython3.11.a Modules/_decimal/libmpdec/libmpdec.a Modules/expat/libexpat.a
cp libpython3.11.a Modules/_decimal/libmpdec/libmpdec.a Modules/expat/libexpat.a "$prefix/lib/"
rm -rf "$WORK/stdlib"
cp -r Lib "$WORK/stdlib"
