# chpst -L and -l of runit.
with_lock() {
	chpst -l the.lock "$@"
}

. ../common/locks.sh
