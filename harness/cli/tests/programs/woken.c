/* A thread waits for a pipe, or for a counter, and ends its process with what it sees in the
   memory of the other thread, which takes steps that concern no other process.
     woken child: a child has the other end of the pipe
     woken program: so has a program that a child executes, by another number
     woken reused: the first thread uses the number for something else meanwhile
     woken watched: the number meant the pipe only when the epoll instance was told of it
     woken reopened: a child has the other end by its name in /proc
     woken copied: a child has a copy of the other end that pidfd_getfd(2) made
     woken thread: no other process has it, though one had it for a while; two processes do so */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int seen;
static int instance;
/* What the thread reads, if it does not wait for an epoll instance. */
static int reads = -1;

static void *waiter(void *unused) {
	struct epoll_event event;
	char byte;
	if (reads >= 0 && read(reads, &byte, 1) == 1)
		_exit(seen);
	while (epoll_wait(instance, &event, 1, -1) != 1)
		;
	_exit(seen);
}

static void watch(int number) {
	struct epoll_event event = {.events = EPOLLIN};
	instance = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(instance, EPOLL_CTL_ADD, number, &event);
}

/* Steps after each of which the other thread sees something else. */
static void take_steps(int file, int count, int to_child) {
	pthread_t thread;
	pthread_create(&thread, 0, waiter, 0);
	if (reads >= 0) {
		close(reads);
		eventfd(0, EFD_CLOEXEC);
	}
	write(to_child, "x", 1);
	for (int i = 0; i < count; i++) {
		pwrite(file, "x", 1, 0);
		seen = seen < 3 ? seen + 1 : 3;
	}
}

static int reopened(int number) {
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", number);
	return open(name, O_WRONLY | O_CLOEXEC);
}

static int copied(int number) {
	int own = syscall(SYS_pidfd_open, getpid(), 0);
	return syscall(SYS_pidfd_getfd, own, number, 0);
}

static int alone(const char *program, const char *name) {
	uint64_t one = 1;
	int counter = eventfd(0, EFD_CLOEXEC);
	watch(counter);
	int file = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fork() == 0)
		execl(program, program, "nothing", (char *)0);
	wait(0);
	take_steps(file, 100, -1);
	write(counter, &one, sizeof one);
	pause();
	return 9;
}

/* Stays, as its end would concern each step of its parent. */
static void wake(int go, int other_end) {
	char byte;
	read(go, &byte, 1);
	write(other_end, &byte, 1);
	pause();
}

int main(int argc, char **argv) {
	if (!strcmp(argv[1], "nothing"))
		return 0;
	if (!strcmp(argv[1], "write"))
		wake(8, 7);
	if (!strcmp(argv[1], "thread")) {
		if (fork() == 0)
			_exit(alone(argv[0], "one"));
		if (fork() == 0)
			_exit(alone(argv[0], "other"));
		int first, second;
		wait(&first);
		wait(&second);
		return WEXITSTATUS(first) == 3 && WEXITSTATUS(second) == 3 ? 0 : 9;
	}
	int ends[2], go[2];
	pipe2(ends, O_CLOEXEC);
	pipe2(go, O_CLOEXEC);
	int file = open("own", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int other_end = ends[1];
	if (!strcmp(argv[1], "reopened"))
		other_end = reopened(ends[1]);
	if (!strcmp(argv[1], "copied"))
		other_end = copied(ends[1]);
	if (fork() == 0) {
		if (other_end != ends[1]) {
			close(ends[0]);
			close(ends[1]);
		}
		if (strcmp(argv[1], "program"))
			wake(go[0], other_end);
		dup2(ends[1], 7);
		dup2(go[0], 8);
		execl(argv[0], argv[0], "write", (char *)0);
	}
	if (!strcmp(argv[1], "reused"))
		reads = ends[0];
	else
		watch(ends[0]);
	if (!strcmp(argv[1], "watched")) {
		close(ends[0]);
		eventfd(0, EFD_CLOEXEC);
	}
	take_steps(file, 3, go[1]);
	pause();
	return 9;
}
