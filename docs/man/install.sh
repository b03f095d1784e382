#!/bin/sh
# install.sh FROM MANDIR: installs the pages that the build made (run by meson install).
set -eu
for page in "$1"/*; do
        section=${page##*.}
        install -D -m 0644 "$page" "${DESTDIR:-}$2/man$section/$(basename "$page")"
done
