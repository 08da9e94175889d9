# Starts a program twice, each adds one to a number: twice.sh MODE PROGRAM.
"$2" &
"$2" &
second=$!
wait $second || exit
wait
read -r n <counter || test -n "$n"
case $1 in
exclusion) test "$n" = 2 ;;
killed) test "$n" = 1 || test "$n" = 2 ;;
esac
