/*
 * Whoever kills a process does not wait for its death: `killed BY STATE` lets a child lock a file,
 * kills it when it is in this state, and locks the file itself at once, which fails where the child
 * still lives. `killed BY STATE waits` waits for the child before.
 *
 * BY:    kill, thread, queue, descriptor, group, all
 * STATE: pauses, sleeps, reads, spins, threads, stopped
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

static void *pause_there(void *unused)
{
	pause();
	return unused;
}

static void hold(const char *state, int told)
{
	int file = open("lock", O_RDWR | O_CREAT, 0600), nothing[2];
	char byte;
	pthread_t thread;
	flock(file, LOCK_EX);
	if (is(state, "threads"))
		pthread_create(&thread, NULL, pause_there, NULL);
	pipe(nothing);
	write(told, "x", 1);
	if (is(state, "sleeps"))
		sleep(1000);
	if (is(state, "reads"))
		read(nothing[0], &byte, 1);
	while (is(state, "spins"))
		getppid();
	for (;;)
		pause();
}

static int end(const char *by, pid_t child)
{
	siginfo_t info = {.si_code = SI_QUEUE};
	if (is(by, "thread"))
		return syscall(SYS_tgkill, child, child, SIGKILL);
	if (is(by, "queue"))
		return syscall(SYS_rt_sigqueueinfo, child, SIGKILL, &info);
	if (is(by, "descriptor"))
		return syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, child, 0), SIGKILL,
			       NULL, 0);
	return kill(is(by, "group") ? -child : is(by, "all") ? -1 : child, SIGKILL);
}

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	int told[2], status;
	char byte;
	pipe(told);
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		hold(words[2], told[1]);
	}
	read(told[0], &byte, 1);
	if (is(words[2], "stopped")) {
		kill(child, SIGSTOP);
		waitpid(child, &status, WUNTRACED);
	}
	/* It is there until somebody has waited for it. */
	if (end(words[1], child) != 0 || kill(child, 0) != 0)
		return 3;
	if (count > 3 && waitpid(child, &status, 0) != child)
		return 4;
	int file = open("lock", O_RDWR | O_CREAT, 0600);
	if (flock(file, LOCK_EX | LOCK_NB) != 0)
		return 1;
	if (count <= 3 && waitpid(child, &status, 0) != child)
		return 5;
	return !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
}
