#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run a command with a lock daemon of its own: dlm_controld --cluster=single from an installed prefix,
# in a run directory that is gone afterwards. Nothing of the machine's own is touched.
#
# usage: scripts/with-daemon.sh PREFIX COMMAND [ARGUMENT...]
# Exit status: the command's; 1 if the daemon did not start.
set -eu

[ $# -ge 2 ] || {
	echo "usage: $0 PREFIX COMMAND [ARGUMENT...]" >&2
	exit 2
}
prefix=$(cd "$1" && pwd)
shift

run_dir=$(mktemp -d "${TMPDIR:-/tmp}/udlm-run.XXXXXX")
chmod 755 "$run_dir"
log=$run_dir.log
: >"$log"
controld=

# The daemon does not end while lockspaces are in use: they are left first. What is still in use then
# has outlived the command, and is cut off.
# shellcheck disable=SC2317 # called by traps
finish() {
	trap - EXIT INT TERM HUP
	if [ -n "$controld" ]; then
		dlm_tool ls 2>/dev/null | sed -n 's/^name  *//p' | while read -r lockspace; do
			timeout 5 dlm_tool leave "$lockspace" >/dev/null 2>&1 || true
		done
		kill "$controld" 2>/dev/null || true
		timeout 5 tail --pid="$controld" -f /dev/null || kill -9 "$controld" 2>/dev/null || true
		wait "$controld" 2>/dev/null || true
	fi
	rm -rf "$run_dir" "$log"
}
trap finish EXIT
trap 'finish; exit 130' INT
trap 'finish; exit 143' TERM HUP

export UDLM_RUN_DIR="$run_dir"
export PATH="$prefix/sbin:$prefix/bin:$PATH"
export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

dlm_controld -D --cluster=single >"$log" 2>&1 </dev/null &
controld=$!
tries=0
until grep -q 'dlm_controld: ready' "$log"; do
	tries=$((tries + 1))
	if [ $tries -gt 300 ] || ! kill -0 "$controld" 2>/dev/null; then
		echo "$0: dlm_controld did not start; it said:" >&2
		cat "$log" >&2
		exit 1
	fi
	sleep 0.1
done

status=0
"$@" || status=$?
if [ "$status" != 0 ] && [ -n "${UDLM_SHOW_LOG-}" ]; then
	echo "$0: dlm_controld said:" >&2
	tail -n 50 "$log" >&2
fi
exit "$status"
