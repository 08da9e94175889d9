/* A deadlock: each of two processes holds the lock that the other one waits for. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static void transfer(const char *from, const char *to)
{
	int first = open(from, O_RDWR | O_CREAT, 0600);
	int second = open(to, O_RDWR | O_CREAT, 0600);

	flock(first, LOCK_EX);
	flock(second, LOCK_EX);
	_exit(0);
}

int main(void)
{
	if (fork() == 0)
		transfer("/tmp/account-a", "/tmp/account-b");
	if (fork() == 0)
		transfer("/tmp/account-b", "/tmp/account-a");
	wait(0);
	wait(0);
	unlink("/tmp/account-a");
	unlink("/tmp/account-b");
	return 0;
}
