/* Shared memory: two processes add to the same number. Load, add, store are three
   steps: what the other one stores in between is lost. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	volatile int *number = mmap(0, sizeof *number, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int n;

	for (n = 0; n < 2; n++)
		if (fork() == 0) {
			int seen = *number;

			*number = seen + 1;
			_exit(0);
		}
	wait(0);
	wait(0);
	if (*number != 2) {
		fprintf(stderr, "2 were added, but the number is %d\n", *number);
		return 1;
	}
	return 0;
}
