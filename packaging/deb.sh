#!/bin/sh
# deb.sh BUILD: packs what `meson install` of the build directory installs, with the unit and the configuration, into
# BUILD/tarsier_VERSION_ARCH.deb. Depends comes from the libraries that the programs link.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$build" && pwd)
version=$(meson introspect --projectinfo "$build" | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
arch=$(dpkg --print-architecture)
tree=$build/deb/tarsier
rm -rf "$build/deb"
mkdir -p "$tree/DEBIAN" "$build/deb/debian"

DESTDIR=$tree meson install -C "$build" --no-rebuild --strip --quiet
[ -x "$tree/usr/bin/tarsier" ] || {
        echo "deb.sh: the build installs no usr/bin/tarsier: its prefix is not /usr (./dev clean forgets it)" >&2
        exit 1
}
install -D -m 0644 "$here/tarsier.service" "$tree/lib/systemd/system/tarsier.service"
install -D -m 0644 "$here/tarsier.yaml" "$tree/etc/tarsier/tarsier.yaml"
install -d -m 0755 "$tree/usr/lib/tarsier/modules"
install -D -m 0644 "$here/copyright" "$tree/usr/share/doc/tarsier/copyright"
gzip -9n <"$here/../CHANGELOG.md" >"$tree/usr/share/doc/tarsier/changelog.gz"

# dpkg-shlibdeps wants a source package around it
printf 'Source: tarsier\n\nPackage: tarsier\nArchitecture: any\n' >"$build/deb/debian/control"
programs=$(find "$tree/usr" -type f -perm -100 -exec sh -c 'head -c 4 "$1" | grep -q ELF' _ {} \; -print)
# shellcheck disable=SC2086 # one word a program; none of ours has a space
depends=$(cd "$build/deb" && dpkg-shlibdeps -O $programs 2>"$build/deb/shlibdeps.log" | sed -n 's/^shlibs:Depends=//p')
[ "$depends" ] || {
        cat "$build/deb/shlibdeps.log" >&2
        exit 1
}

size=$(du -k -s --exclude=DEBIAN "$tree" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
        "$here/control.in" >"$tree/DEBIAN/control"
echo /etc/tarsier/tarsier.yaml >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
        install -m 0755 "$here/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find . -path ./DEBIAN -prune -o -path ./etc -prune -o -type f -printf '%P\0' | sort -z |
        xargs -0 md5sum >DEBIAN/md5sums)

out=$build/tarsier_${version}_$arch.deb
# owners are root without being it; one date for all files, so that equal sources give equal packages
find "$tree" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}" {} +
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out" >/dev/null
echo "$out"
