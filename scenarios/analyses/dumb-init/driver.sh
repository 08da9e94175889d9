# dumb-init.
init() {
	exec dumb-init "$@"
}

. ../common/init.sh
