/*
 * Leaves whatever a process can leave: children of several generations, System V
 * objects, a message queue, files and mounts, and never cleans up.
 *
 * usage: litter NAME KEY
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave_file(const char *directory, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int file = open(path, O_CREAT | O_WRONLY, 0600);
	if (file != -1 && write(file, "litter\n", 7) != 7)
		abort();
}

static void leave_objects(const char *name, key_t key)
{
	char slashed[256], product[256];
	snprintf(slashed, sizeof slashed, "/%s", name);
	snprintf(product, sizeof product, "%s.product", name);
	leave_file(".", product);
	leave_file("/tmp", name);
	leave_file("/var/tmp", name);
	shm_open(slashed, O_CREAT | O_RDWR, 0600);
	mq_open(slashed, O_CREAT | O_RDWR, 0600, NULL);
	msgget(key, IPC_CREAT | 0600);
	semget(key, 2, IPC_CREAT | 0600);
	shmget(key, 4096, IPC_CREAT | 0600);
	/* Without the right to do so, there is nothing to be left. */
	mount(name, "/mnt", "tmpfs", 0, NULL);
}

/* Processes of each generation, some of a session of their own, whose parents
 * do not wait for them. */
static void multiply(int gate, int depth)
{
	char byte;
	for (int i = 0; depth > 0 && i < 2; i++)
		if (fork() == 0) {
			if (i == 1)
				setsid();
			multiply(gate, depth - 1);
			_exit(0);
		}
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (read(gate, &byte, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	int gate[2];
	if (argc != 3 || pipe(gate) == -1)
		return 2;
	leave_objects(argv[1], atoi(argv[2]));
	if (fork() == 0) {
		close(gate[1]);
		multiply(gate[0], 3);
		_exit(0);
	}
	close(gate[0]);
	for (int i = 0; i < 20; i++)
		if (write(gate[1], "abcde", 5) != 5)
			return 1;
	return 0;
}
