#!/bin/sh
# man.sh TARSIER DIRECTORY STAMP SOURCES…: makes the manual pages: one a module from its tables, and the written ones.
set -eu
tarsier=$1 directory=$2 stamp=$3
shift 3
rm -rf "$directory"
mkdir -p "$directory"
for source in "$@"; do
        page=$(basename "$source" .scd)
        scdoc <"$source" >"$directory/$page"
done
# without third parties' modules: the pages are of this build
TARSIER_MODULES_DIR=/nonexistent "$tarsier" modules | while read -r name _; do
        "$tarsier" man "$name" | scdoc >"$directory/tarsier-$name.1"
done
ls "$directory" >"$stamp"
