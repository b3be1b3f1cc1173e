#!/usr/bin/env bash
# The C libraries of the static probe: zlib, libffi, SQLite and OpenSSL 3, as archives under $WORK/prefix.
# Called by build.sh, which sets WORK, SOURCES, ARCH, ZIG and JOBS.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/toolchain.sh"
prefix=$WORK/prefix
export MAKEFLAGS=
mkdir -p "$prefix/lib" "$prefix/include"

unpack() { # unpack PACKAGE: its tree in $WORK/PACKAGE, with Debian's patches
  rm -rf "${WORK:?}/$1"
  dpkg-source --no-check -x "$SOURCES/$(cd "$SOURCES" && ls "$1"_*.dsc)" "$WORK/$1"
  cd "$WORK/$1"
}

echo "== zlib"
unpack zlib
CHOST=$TRIPLE CFLAGS="-O2 -fPIC" CC=$CC AR=$AR RANLIB=$RANLIB ./configure --static --prefix="$prefix"
make -j"$JOBS" libz.a
cp libz.a "$prefix/lib/"
cp zlib.h zconf.h "$prefix/include/"

echo "== libffi"
unpack libffi
[ -x configure ] || ./autogen.sh
# 3.4.4 lacks a prototype, at which clang would stop.
./configure --host="$TRIPLE" --prefix="$prefix" --disable-shared --enable-static --disable-docs --disable-multi-os-directory \
  CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="-O2 -fPIC -Wno-error=implicit-function-declaration"
make -j"$JOBS"
make install
rm -f "$prefix"/lib/*.la

echo "== SQLite"
unpack sqlite3
mkdir amalgamation
cd amalgamation
CC=gcc ../configure --disable-tcl # one C file out of many: made with this machine's own compiler and tclsh
make sqlite3.c
"$CC" -O2 -fPIC -DSQLITE_THREADSAFE=1 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DQS=0 -DHAVE_USLEEP=1 -c sqlite3.c -o sqlite3.o
rm -f "$prefix/lib/libsqlite3.a"
"$AR" rcs "$prefix/lib/libsqlite3.a" sqlite3.o
cp sqlite3.h sqlite3ext.h "$prefix/include/"

echo "== OpenSSL"
unpack openssl
# no-module, no-engine, no-dso: nothing is ever loaded. openssldir: certificates where hosts keep them (SSL_CERT_FILE overrides).
./Configure "linux-$ARCH" --prefix=/usr --libdir=lib --openssldir=/etc/ssl CC="$CC" AR="$AR" RANLIB="$RANLIB" \
  no-shared no-tests no-async no-dso no-module no-engine no-afalgeng no-ui-console no-comp no-idea no-mdc2 no-rc5 no-seed \
  no-camellia no-aria no-sm2 no-sm3 no-sm4 no-gost no-srp no-ssl3 no-dtls no-cms no-ct no-ts -O2 -fPIC
make -j"$JOBS" build_libs
cp libssl.a libcrypto.a "$prefix/lib/"
mkdir -p "$prefix/include/openssl"
cp include/openssl/*.h "$prefix/include/openssl/"
