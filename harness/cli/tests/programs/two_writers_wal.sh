# Two processes write to one database whose log is shared memory.
set -e
sqlite3 db 'pragma journal_mode=wal' 'create table numbers(n integer)'
for who in 1 2; do
	sqlite3 -cmd '.timeout 60000' db \
		'begin immediate' \
		'insert into numbers select coalesce(max(n), 0) + 1 from numbers' \
		'commit' &
done
wait
sqlite3 db 'select group_concat(n) from numbers'
