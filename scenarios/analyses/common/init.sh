# What every init for containers is asked: a driver defines init, which runs a command as its child.

# It passes SIGTERM on, and ends with the status of its child.
signal() {
	mkfifo ready
	init sh -c 'trap "exit 7" TERM; echo ready >ready; while :; do sleep 1; done' &
	init=$!
	read -r line <ready
	kill -TERM $init
	wait $init
	status=$?
	rm ready
	test $status = 7
}

# It reaps the orphans of its child.
orphans() {
	(init sh -c '(sleep 1; echo done >orphan) & exit 3')
	test $? = 3
}

"$@"
