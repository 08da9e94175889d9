/*
 * Two processes with a bug that needs one to come early and the other late: the tests of
 * searches that are directed at two places.
 *
 * suspects memory | files
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 40, EARLY = 3 };

static volatile int *data;

static void work_in_memory(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		data[0] = data[0] + 1;
		data[1] = data[1] + 1;
	}
}

__attribute__((noinline)) static void publish(void)
{
	data[0] = -1000;
	data[1] = -1000; /* line of the second write */
}

__attribute__((noinline)) static void peek(void)
{
	int first = data[0]; /* line of the first read */
	int second = data[1];
	if (first < 0 && second >= 0)
		_exit(1);
}

static void work_in_files(const char *name, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		close(open(name, O_CREAT | O_WRONLY, 0600));
		unlink(name);
	}
}

__attribute__((noinline)) static void use_config(void)
{
	if (access("config", R_OK) == 0 && open("config", O_RDONLY) == -1)
		_exit(1);
}

__attribute__((noinline)) static void replace_config(void)
{
	unlink("config");
	rename("new", "config");
}

static void late(int in_files)
{
	if (in_files) {
		work_in_files("late", ROUNDS);
		use_config();
	} else {
		work_in_memory(ROUNDS);
		publish();
	}
}

static void early(int in_files)
{
	if (in_files) {
		work_in_files("early", EARLY);
		replace_config();
		work_in_files("early", ROUNDS);
	} else {
		work_in_memory(EARLY);
		peek();
		work_in_memory(ROUNDS);
	}
}

int main(int argc, char **argv)
{
	int in_files = argc > 1 && strcmp(argv[1], "files") == 0;
	void (*const parts[])(int) = { late, early };
	int failed = 0;
	if (in_files) {
		close(open("config", O_CREAT | O_WRONLY, 0600));
		close(open("new", O_CREAT | O_WRONLY, 0600));
	}
	data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			parts[i](in_files);
			_exit(0);
		}
	for (int i = 0; i < 2; i++) {
		int status;
		wait(&status);
		failed |= status != 0;
	}
	unlink("config");
	unlink("new");
	return failed;
}
