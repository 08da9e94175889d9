/* A child sends a byte and stores then. Its argument says what may come between: a signal with a
 * handler, SIGKILL, or the end of its process by another thread; exits with 1 if it has. With
 * "answers" it comes after the store only, for which the parent waits. With "between" and "returns" a
 * signal comes between two stores: its handler ends the process, or notes that it has. With "alone" a thread adds
 * without a lock while the only other one ends: exits with 1 if its own addition is lost. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long *memory;
static volatile long sum;
static int forth[2], back[2];

static void on_signal(int signal)
{
	(void)signal;
	_exit(memory[0] == 0);
}

static void end_between(int signal)
{
	(void)signal;
	_exit(memory[0] == 1 && memory[8] == 0);
}

static void note_between(int signal)
{
	(void)signal;
	memory[16] = memory[0] == 1 && memory[8] == 0;
}

/* The parent sends the signal at any time. */
static int stores_twice(int returns)
{
	signal(SIGUSR1, returns ? note_between : end_between);
	pid_t child = fork();
	if (!child) {
		memory[0] = 1;
		memory[8] = 1;
		_exit(0);
	}
	kill(child, SIGUSR1);
	int status = 0;
	waitpid(child, &status, 0);
	return returns ? memory[16] : WEXITSTATUS(status);
}

static void *end_process(void *unused)
{
	char byte;
	(void)unused;
	_exit(read(forth[0], &byte, 1) != 1);
}

static void *end_thread(void *unused)
{
	return unused;
}

int main(int count, char **arguments)
{
	if (count != 2)
		return 90;
	const char *mode = arguments[1];
	pthread_t thread;
	if (!strcmp(mode, "alone")) {
		pthread_create(&thread, NULL, end_thread, NULL);
		__asm__ volatile("addq $1, %0" : "+m"(sum));
		return sum != 1;
	}
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || pipe(forth) || pipe(back) || signal(SIGUSR1, on_signal) == SIG_ERR)
		return 91;
	if (!strcmp(mode, "between") || !strcmp(mode, "returns"))
		return stores_twice(!strcmp(mode, "returns"));
	int kills = !strcmp(mode, "kill"), ends = !strcmp(mode, "end"), answers = !strcmp(mode, "answers");
	pid_t child = fork();
	if (!child) {
		if (ends)
			pthread_create(&thread, NULL, end_process, NULL);
		if (write(forth[1], "a", 1) != 1)
			_exit(92);
		memory[0] = 1;
		if (write(back[1], "b", 1) != 1)
			_exit(93);
		for (;;)
			pause();
	}
	char byte;
	int status = 0;
	if (!ends && read(forth[0], &byte, 1) != 1)
		return 94;
	if (answers && read(back[0], &byte, 1) != 1)
		return 95;
	if (!ends)
		kill(child, kills ? SIGKILL : SIGUSR1);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) || ends ? memory[0] == 0 : WEXITSTATUS(status);
}
