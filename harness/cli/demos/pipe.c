/* A pipe: bytes wait in the kernel between a writer and a reader. */
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int ends[2];
	char buffer[6];

	if (pipe(ends))
		return 1;
	if (fork() == 0) {
		close(ends[1]);
		/* Waits while the pipe is empty; 0 is the end: nobody can write any more. */
		while (read(ends[0], buffer, sizeof buffer) > 0)
			;
		_exit(0);
	}
	close(ends[0]);
	write(ends[1], "hello ", 6);
	write(ends[1], "across ", 7);
	write(ends[1], "processes", 9);
	close(ends[1]);
	wait(0);
	return 0;
}
