"""sqlite3: two processes add to a number in immediate transactions."""
import sqlite3
import sys

sys.path.insert(0, "../common")
from locks import children


def connect():
    return sqlite3.connect("data.db", timeout=3600, isolation_level=None)


def add():
    database = connect()
    database.execute("BEGIN IMMEDIATE")
    (number,) = database.execute("SELECT n FROM numbers").fetchone()
    database.execute("UPDATE numbers SET n = ?", (number + 1,))
    database.execute("COMMIT")
    database.close()


def number():
    database = connect()
    (number,) = database.execute("SELECT n FROM numbers").fetchone()
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    return number


database = connect()
if "wal" in sys.argv:
    database.execute("PRAGMA journal_mode=WAL")
database.executescript("CREATE TABLE numbers (n); INSERT INTO numbers VALUES (0)")
database.close()
ends = children(add, add)
if sys.argv[1] == "exclusion":
    assert ends == [0, 0] and number() == 2, (ends, number())
else:
    assert ends[1] == 0 and number() in (1, 2), (ends, number())
