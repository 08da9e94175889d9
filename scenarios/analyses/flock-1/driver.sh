# flock(1) of util-linux.
with_lock() {
	flock the.lock "$@"
}

# The attempt ends after its time, and the command does not run.
timeout() {
	flock the.lock sleep 5000 &
	holder=$!
	until ! flock -n the.lock true; do sleep 1; done
	! flock -w 3 the.lock touch ran
	ended=$?
	kill $holder
	test $ended = 0 && test ! -e ran
}

. ../common/locks.sh
