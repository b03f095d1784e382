#!/bin/sh
# install-descriptors.sh FROM TO: copies the descriptors the build made (run by meson install).
set -eu
mkdir -p "${DESTDIR:-}$2"
cp "$1"/*.json "${DESTDIR:-}$2"/
