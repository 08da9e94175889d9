/*
 * Processes that share three pages without a name. The first argument says what the parent does
 * before it has children, the second what it does after they have ended, each further one what a
 * child does. Steps:
 *
 * uP  adds one to forty words of page P that are the process's own
 * lP  looks at the first word of page P and at many more, and notes the sum
 * wP  writes to the first word of page P, rP reads it and notes it, aP adds to it, all at once
 * zP  has the kernel write zero to it
 * f   creates a child for the rest, and waits for it
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 512

static volatile atomic_long *words;
static int zero;

/* Makes visible what has been read. */
static void note(long value)
{
	fsync(1000 + (int)value);
}

static void perform(const char *steps, int self)
{
	for (; *steps; steps++) {
		volatile atomic_long *page = words + WORDS * (steps[1] - '0');
		long sum = 0;
		switch (*steps) {
		case 'u':
			for (int i = 1; i <= 40; i++)
				*(volatile long *)(page + 8 * i + self % 8) += 1;
			break;
		case 'l':
			for (int i = 0; i < 40; i++)
				sum += page[8 * i];
			note(sum);
			break;
		case 'w': *page = 10 * self + 1; break;
		case 'r': note(*page); break;
		case 'a': atomic_fetch_add(page, 100); break;
		case 'z':
			if (read(zero, (void *)page, sizeof *page) < 0)
				_exit(99);
			break;
		case 'f':
			if (fork()) {
				wait(NULL);
				return;
			}
			self += 20;
			continue;
		default: _exit(98);
		}
		steps++;
	}
}

int main(int count, char **arguments)
{
	zero = open("/dev/zero", O_RDONLY);
	words = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (zero < 0 || words == MAP_FAILED)
		return 97;
	perform(arguments[1], 1);
	for (int child = 3; child < count; child++)
		if (fork() == 0) {
			perform(arguments[child], child - 1);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	perform(arguments[2], 1);
	return 0;
}
