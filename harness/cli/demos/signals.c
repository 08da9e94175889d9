/* Signals: sent, on their way, delivered. A blocked signal waits until it is let in. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_signal(int signal)
{
	(void)signal;
	write(1, "signal\n", 7);
}

int main(void)
{
	sigset_t usr1, old;
	pid_t child;

	signal(SIGUSR1, on_signal);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	child = fork();
	if (child == 0) {
		/* Lets it in and waits, in one step: it cannot be missed in between. */
		sigsuspend(&old);
		_exit(0);
	}
	kill(child, SIGUSR1);
	wait(0);
	return 0;
}
