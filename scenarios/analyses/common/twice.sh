# Starts a program twice, each adds one to a number: twice.sh MODE PROGRAM.
"$2" &
"$2" &
second=$!
wait $second || exit
wait
n=$(cat counter)
case $1 in
exclusion) test "$n" = 2 ;;
# A process may be killed before it has written anew what it has cut off.
killed) test "${n:-1}" = 1 || test "$n" = 2 ;;
esac
