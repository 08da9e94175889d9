/*
 * Takes small steps, a system call each where possible, whose order may matter to others.
 *
 * Each argument is a step: what it does, and after a colon the letters of what it is about.
 * A letter is the name of a file in the working directory as well as the slot of the
 * descriptor that a step has opened under it; a digit is a process, 0 for the first one and
 * 1 for the first that it has created. "( … )" are the steps of a child, "[ … ]" those of a
 * thread; the others are the first process's own:
 *
 *     pipe:p ( write:P close:P ) read:p
 *
 * The rows of the tables stand in files.c, descriptors.c, sockets.c, ipc.c and processes.c.
 * What steps have seen is in the argument of the last call, exit_group(2), of each process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Descriptors, ids of System V objects and mappings, by their letters. */
extern int slot[128];
extern char *memory[128];

/* Pid of the first process: its children's follow. */
extern pid_t first;

/* Takes note of a value that a step has seen; returns it. */
long see(long value);

/* Takes note of a result, or else of the error. */
long see_result(long result);

/* Takes note of which was changed last, this file or the one that was looked at before. */
void see_times(const struct stat *data);

/* Ends the process: shows what it has seen. */
void leave(void);

/* The tables: whether they have the step. */
int on_name(const char *step, const char *of);
int on_descriptor(const char *step, const char *of);
int on_pair(const char *step, const char *of);
int on_socket(const char *step, const char *of);
int on_system_v(const char *step, const char *of);
int on_queue(const char *step, const char *of);
int on_memory(const char *step, const char *of);
int on_process(const char *step, const char *of);
int on_signal(const char *step, const char *of);

/* A row: the step's name, and what it does. */
#define STEP(name, call) \
	if (strcmp(step, name) == 0) { \
		see_result((long)(call)); \
		return 1; \
	}
