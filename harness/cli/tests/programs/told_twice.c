/* A process ends: its pipe is closed, which wakes the first thread of its parent, and some time
   later its parent gets SIGCHLD. The other thread waits for something else. Exits with 3 if a
   signal has cut that short. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Files that take time to be closed. */
enum { FILES = 60, SIZE = 1 << 20 };

static int over;
static int cut_short;

static void handle(int signal) {
	(void)signal;
}

static void *waiter(void *unused) {
	(void)unused;
	struct epoll_event event = {.events = EPOLLIN};
	int instance = epoll_create1(0);
	epoll_ctl(instance, EPOLL_CTL_ADD, over, &event);
	while (epoll_wait(instance, &event, 1, -1) != 1)
		cut_short = 1;
	return 0;
}

int main(void) {
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	sigaction(SIGCHLD, &action, 0);
	over = eventfd(0, 0);
	pthread_t thread;
	pthread_create(&thread, 0, waiter, 0);
	int ends[2];
	if (pipe(ends))
		return 1;
	if (fork() == 0) {
		close(ends[0]);
		char *bytes = malloc(SIZE);
		memset(bytes, 1, SIZE);
		for (int i = 0; i < FILES; i++)
			if (write(memfd_create("file", 0), bytes, SIZE) != SIZE)
				return 1;
		_exit(0);
	}
	close(ends[1]);
	struct pollfd closed = {ends[0], POLLIN, 0};
	while (poll(&closed, 1, -1) != 1)
		;
	while (wait(0) < 0)
		;
	uint64_t one = 1;
	if (write(over, &one, sizeof one) != sizeof one)
		return 1;
	pthread_join(thread, 0);
	return cut_short ? 3 : 0;
}
