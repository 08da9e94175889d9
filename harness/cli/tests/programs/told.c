/*
 * A child makes a file. The parent looks for it, and asks then to be told of it. It exits with 0
 * if the file was there, with 2 if it was told, and with 3 if the file came in between.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	mkdir("watched", 0700);
	if (fork() == 0) {
		open("watched/file", O_CREAT | O_WRONLY, 0600);
		_exit(0);
	}
	int told = inotify_init1(0);
	if (access("watched/file", F_OK) == 0)
		_exit(0);
	inotify_add_watch(told, "watched", IN_CREATE);
	_exit(poll(&(struct pollfd){ told, POLLIN, 0 }, 1, 1000) == 1 ? 2 : 3);
}
