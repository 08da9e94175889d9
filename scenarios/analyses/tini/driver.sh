# tini as a subreaper.
init() {
	exec tini -s -- "$@"
}

. ../common/init.sh
