/* Two processes and a pipe, for a static program. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int ends[2], status;
	char word[6] = "";
	if (pipe(ends) == -1)
		return 1;
	pid_t child = fork();
	if (child == 0)
		_exit(write(ends[1], "hello", 5) != 5);
	if (child == -1 || read(ends[0], word, 5) != 5 || waitpid(child, &status, 0) != child)
		return 1;
	puts(word);
	return status == 0 ? 3 : 1;
}
