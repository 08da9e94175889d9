# lockfile of procmail.
with_lock() {
	lockfile -1 -r -1 the.lock || return
	"$@"
	rm -f the.lock
}

. ../common/locks.sh
