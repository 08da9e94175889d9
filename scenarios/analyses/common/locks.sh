# What every lock of the shell is asked: a driver defines with_lock, which holds the lock while a
# command runs, and sources this file.

exclusion() {
	echo 0 >counter
	for i in 1 2; do
		with_lock sh -c 'read -r n <counter; echo $((n + 1)) >counter' &
	done
	wait
	read -r n <counter
	test "$n" = 2
}

killed() {
	with_lock true &
	with_lock true &
	survivor=$!
	wait $survivor
}

"$@"
