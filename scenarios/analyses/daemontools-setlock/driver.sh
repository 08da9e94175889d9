# setlock of daemontools.
with_lock() {
	setlock the.lock "$@"
}

. ../common/locks.sh
