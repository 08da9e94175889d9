/* Two processes write to one LMDB environment; the first reads it all. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int error)
{
	if (error) {
		fprintf(stderr, "%s\n", mdb_strerror(error));
		exit(1);
	}
}

/* Adds one to the only value, so often. */
static void count(int times)
{
	MDB_env *environment;
	must(mdb_env_create(&environment));
	must(mdb_env_open(environment, "count", MDB_NOSUBDIR | MDB_WRITEMAP, 0600));
	for (int i = 0; i < times; i++) {
		MDB_txn *transaction;
		MDB_dbi table;
		MDB_val key = { 1, "n" }, value;
		int number = 0;
		must(mdb_txn_begin(environment, NULL, 0, &transaction));
		must(mdb_dbi_open(transaction, NULL, 0, &table));
		if (mdb_get(transaction, table, &key, &value) == 0)
			number = *(int *)value.mv_data;
		number++;
		value.mv_size = sizeof number;
		value.mv_data = &number;
		must(mdb_put(transaction, table, &key, &value, 0));
		must(mdb_txn_commit(transaction));
		if (i == times - 1)
			printf("%s\n", number >= times ? "counted" : "lost");
	}
	mdb_env_close(environment);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pid_t child = fork();
	count(3);
	if (child == 0)
		return 0;
	int status;
	waitpid(child, &status, 0);
	MDB_env *environment;
	MDB_txn *transaction;
	MDB_dbi table;
	MDB_val key = { 1, "n" }, value;
	must(mdb_env_create(&environment));
	must(mdb_env_open(environment, "count", MDB_NOSUBDIR | MDB_RDONLY, 0600));
	must(mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction));
	must(mdb_dbi_open(transaction, NULL, 0, &table));
	must(mdb_get(transaction, table, &key, &value));
	printf("%d, child %d\n", *(int *)value.mv_data, status);
	mdb_txn_abort(transaction);
	mdb_env_close(environment);
	return 0;
}
