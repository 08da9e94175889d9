/*
 * The end of a pipe is held by a child that never uses it. The parent looks twice whether it
 * is still there, and exits with what it saw: 1 and 2 stand for an end that is gone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int main(void)
{
	int ends[2], seen = 0;
	char byte;
	pipe2(ends, O_NONBLOCK);
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0) {
		pause();
		_exit(0);
	}
	close(ends[1]);
	for (int look = 1; look <= 2; look++)
		seen |= read(ends[0], &byte, 1) == 0 ? look : 0;
	_exit(seen);
}
