# The jobserver of make: two makes below a third share two tokens.
cat >all.mk <<'M'
all: a b
a b:
	+$(MAKE) -f part.mk NAME=$@
M
cat >part.mk <<'M'
all: 1 2
1 2:
	mkdir slot-1 2>/dev/null && echo $(NAME)$@ >>done && rmdir slot-1 || \
		{ mkdir slot-2 && echo $(NAME)$@ >>done && rmdir slot-2; }
M
make -s -j2 -f all.mk
ended=$?
case $1 in
tokens) test $ended = 0 && test "$(sort done | tr -d '\n')" = a1a2b1b2 ;;
killed) test -e done || test $ended != 0 ;;
esac
