# Four programs, three of them at a time.
echo one > first
cat first | tr a-z A-Z | sort > second
wc -c < second > /dev/null
