/*
 * Makes a call that concerns this process alone, chosen by the first argument, and aborts if it
 * fails.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct rlimit limit;
	const char *call = argc > 1 ? argv[1] : "";
	int fails = 0;
	/* The program is loaded. */
	if (write(1, "", 1) != 1)
		return 1;
	if (strcmp(call, "mmap") == 0)
		fails = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
	else if (strcmp(call, "mprotect") == 0)
		fails = mprotect(page, sizeof page, PROT_READ);
	else if (strcmp(call, "mlock") == 0)
		fails = mlock(page, sizeof page);
	else if (strcmp(call, "brk") == 0)
		fails = sbrk(4096) == (void *)-1;
	else if (strcmp(call, "setrlimit") == 0)
		fails = getrlimit(RLIMIT_NOFILE, &limit) || setrlimit(RLIMIT_NOFILE, &limit);
	if (fails)
		abort();
	return 0;
}
