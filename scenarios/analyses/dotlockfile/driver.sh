# dotlockfile of liblockfile.
with_lock() {
	dotlockfile -l -r -1 the.lock || return
	"$@"
	dotlockfile -u the.lock
}

. ../common/locks.sh
