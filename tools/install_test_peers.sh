#!/bin/sh
# Installs the real programs that the tests run against (Debian, Ubuntu). Does nothing when all
# are there. Without root it uses sudo; without either it says what is missing and goes on:
# outside CI a missing peer skips its tests, with CI=true it fails them.
set -u
need=""
want() { # want PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || need="$need $2"
}
want baresip baresip-core
want sipp sip-tester
want tshark tshark
want tcpdump tcpdump
want tftp tftp-hpa
want atftp atftp
want atftpd atftpd
want busybox busybox
want curl curl
want wget wget
want openssl openssl
want nginx nginx-light
want twinkle-console twinkle-console
want linphonec linphone-cli
want kamailio kamailio
[ -e /usr/lib/x86_64-linux-gnu/kamailio/modules/presence_mwi.so ] ||
    [ -e /usr/lib/aarch64-linux-gnu/kamailio/modules/presence_mwi.so ] ||
    need="$need kamailio-presence-modules"
want dnsmasq dnsmasq-base
want ip iproute2
want nft nftables
want sngrep sngrep
want strace strace
want sshd openssh-server
want lighttpd lighttpd
[ -e /usr/lib/lighttpd/mod_webdav.so ] || need="$need lighttpd-mod-webdav"
command -v initdb >/dev/null 2>&1 || [ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] ||
    need="$need postgresql"
want chromium chromium
want npm npm
want gcc gcc
[ -e /usr/include/stdio.h ] || need="$need libc6-dev"
want avr-gcc gcc-avr
[ -e /usr/lib/avr/include/avr/io.h ] || need="$need avr-libc"
[ -e /usr/include/simavr/sim_avr.h ] || need="$need libsimavr-dev"
[ -e /usr/include/libelf.h ] || need="$need libelf-dev"
want ser2net ser2net
want avrdude avrdude
[ -e /usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot_atmega328.hex ] ||
    need="$need arduino-core-avr"
want systemd-analyze systemd
want mosquitto mosquitto
ldconfig -p 2>/dev/null | grep -q 'libpcap\.so' || need="$need libpcap0.8"

install_programs() {
    run=""
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null 2>&1; then run="sudo"; else
            echo "not installed (needs root):$need" >&2
            [ "${CI:-}" = "" ] && return 0
            exit 3
        fi
    fi
    echo "installing test peers:$need"
    export DEBIAN_FRONTEND=noninteractive
    $run apt-get update -qq || exit 3
    # shellcheck disable=SC2086  # the list is meant to be split
    $run apt-get install -y -qq --no-install-recommends $need >/dev/null || exit 3
}
[ -z "$need" ] || install_programs

# tftpd-hpa and atftpd exclude each other as packages, so one program is taken out of its package.
if ! [ -x /usr/local/sbin/in.tftpd-hpa ] && [ "$(id -u)" -eq 0 ]; then
    unpacked="$(mktemp -d)" && (
        cd "$unpacked" && apt-get download -qq tftpd-hpa && dpkg-deb -x tftpd-hpa_*.deb . &&
            install -m 755 usr/sbin/in.tftpd /usr/local/sbin/in.tftpd-hpa
    ) >/dev/null || exit 3
    rm -rf "$unpacked"
fi

# The checker of accessible pages is a JavaScript library; its version and hash are pinned.
axe="$(dirname "$0")/../tests/axe"
if [ ! -e "$axe/node_modules/axe-core/axe.min.js" ] && command -v npm >/dev/null 2>&1; then
    npm ci --prefix "$axe" --ignore-scripts --no-audit --no-fund --silent || exit 3
fi

# labgrid cannot share an environment with pyserial, so it gets its own.
"$(dirname "$0")/install_labgrid.sh" || {
    [ "${CI:-}" = "" ] || exit 3
    echo "labgrid was not installed" >&2
}
exit 0
