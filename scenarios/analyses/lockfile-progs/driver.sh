# lockfile-create and lockfile-remove.
with_lock() {
	lockfile-create -r 9 -l the.lock || return
	"$@"
	lockfile-remove -l the.lock
}

. ../common/locks.sh
