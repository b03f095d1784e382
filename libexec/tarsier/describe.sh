#!/bin/sh
# describe.sh PROGRAM DIRECTORY AREA STAMP: writes DIRECTORY/NAME.json for each module of the area program.
set -eu
mkdir -p "$2"
if [ -f "$4" ]; then
        while read -r old; do rm -f "$2/$old"; done <"$4"
fi
fresh=$(mktemp -d "$2/.fresh.XXXXXX")
"$1" --describe "$fresh"
(cd "$fresh" && ls) >"$4"
mv "$fresh"/*.json "$2"/
rmdir "$fresh"
