/* Ends its child, which would end by itself; its own status tells which came first. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int status;
	pid_t child = fork();
	if (child == -1)
		return 1;
	if (child == 0)
		_exit(3);
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
