#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Install the Debian packages that a purpose needs and that are missing; nothing else, and only from
# the machine's own apt sources. Services that come with packages are neither started nor enabled.
#
# usage: scripts/packages.sh build|cluster|check
set -eu

# what `meson setup` and `ninja` need
build='gcc libc6-dev meson ninja-build pkg-config libsystemd-dev libqb-dev libcpg-dev libquorum-dev
	libcmap-dev libcfg-dev python3'
# what ./nodes needs besides: the cluster engine, and namespaces to run several on one machine
cluster="$build corosync iproute2 nftables util-linux procps"
# what the tests need besides: C++ for the headers, clang for the fuzzers and the format, and the dlm
# suite's library, since programs that were built for that one must run with ours, and its daemon, since
# nodes that run it must get along with ours
check="$cluster g++ binutils libcmocka-dev clang libclang-rt-dev clang-format python3-pytest python3-pytest-xdist libdlm-dev dlm-controld"

policy=/usr/sbin/policy-rc.d
saved=/usr/sbin/policy-rc.d.before-udlm

usage() {
	echo "usage: $0 build|cluster|check" >&2
	exit 2
}

missing() {
	for package; do
		state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=
		[ "$state" = installed ] || echo "$package"
	done
}

# Units and init scripts that are enabled: links that installing a package may add.
enabled() {
	find /etc/systemd/system /etc/systemd/user /etc/rc?.d -type l 2>/dev/null | sort
}

hold_services() {
	[ -e "$saved" ] || [ ! -e "$policy" ] || mv "$policy" "$saved"
	printf '#!/bin/sh\n# put here by udlm for the time of an installation\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

release_services() {
	rm -f "$policy"
	[ ! -e "$saved" ] || mv "$saved" "$policy"
}

install_packages() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		--no-install-recommends install "$@" </dev/null
}

main() {
	case ${1-} in
	build) list=$build ;;
	cluster) list=$cluster ;;
	check) list=$check ;;
	*) usage ;;
	esac
	# shellcheck disable=SC2046,SC2086 # lists of words
	set -- $(missing $list)
	if [ $# = 0 ]; then
		echo "packages: all there"
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "packages: missing, and only root can install them: apt-get install $*" >&2
		return 1
	fi
	echo "packages: installing $*"
	mkdir -p /run/lock
	exec 9>/run/lock/udlm-packages.lock
	flock 9
	before=$(enabled)
	trap release_services EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	hold_services
	if ! install_packages "$@"; then
		echo "packages: reading the package lists anew"
		apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null
		install_packages "$@"
	fi
	enabled | while read -r link; do
		printf '%s\n' "$before" | grep -qxF "$link" || {
			echo "packages: disabling what came enabled: $link"
			rm -f "$link"
		}
	done
	echo "packages: installed"
}

main "$@"
