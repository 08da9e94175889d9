# s6-setlock.
with_lock() {
	s6-setlock the.lock "$@"
}

. ../common/locks.sh
