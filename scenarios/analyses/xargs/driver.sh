# xargs -P: each line is processed once, and a failure is reported.
case $1 in
each)
	printf '%s\n' 1 2 3 4 | xargs -P 2 -n 1 sh -c 'echo "$0" >>done'
	test "$(sort done | tr -d '\n')" = 1234
	;;
failure)
	printf '%s\n' 1 2 3 | xargs -P 2 -n 1 sh -c 'test "$0" != 2'
	test $? = 123
	;;
esac
