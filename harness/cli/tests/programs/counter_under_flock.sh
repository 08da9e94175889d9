# Three processes increase a number that flock(1) protects.
for who in 1 2 3; do
	flock lock sh -c 'n=$(cat count 2>/dev/null || echo 0); echo $((n + 1)) > count' &
done
wait
cat count
