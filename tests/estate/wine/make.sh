#!/bin/sh
# Makes a full minidump of a process of our own under Wine: sh make.sh OUT.dmp; then: python -m tests.estate.wine.trim
# Wants wine, x86_64-w64-mingw32-gcc and unshare (as root). The environment is empty and the machine has another name, so
# that nothing of the machine it was made on lies in the dump.
set -eu
out=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
work=/tmp/pv
mkdir "$work"
trap 'rm -rf "$work"' EXIT
x86_64-w64-mingw32-gcc -Os -s -nostdlib -ffreestanding -fno-builtin -mconsole -e start \
    -o "$work/worker.exe" "$here/worker.c" -ldbghelp -lkernel32
cat > "$work/run.sh" <<'RUN'
hostname EX01
cd "$HOME"
unset OLDPWD PWD
wineboot -i >/dev/null 2>&1
mkdir -p prefix/drive_c/srv
mv worker.exe prefix/drive_c/srv
wine 'C:\srv\worker.exe' hold > pid.txt 2>/dev/null &
while ! [ -s pid.txt ]; do sleep 1; done
wine 'C:\srv\worker.exe' dump "$(tr -d '\r\n' < pid.txt)" worker.dmp 2>/dev/null
wineserver -k
RUN
cd /
unset OLDPWD
unshare --uts env -i HOME="$work" WINEPREFIX="$work/prefix" WINEDEBUG=-all PATH=/usr/bin:/bin:/usr/lib/wine sh "$work/run.sh"
cp "$work/worker.dmp" "$out"
