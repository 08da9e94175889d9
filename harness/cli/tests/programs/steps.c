/*
 * Does what its arguments say, a call each: r:F looks at file F and w:F changes its
 * length, both by name; c:F creates F unless it is there, u:F removes it, s:F looks
 * whether it is there, three times at most if it is not with g:F. l:F opens F and locks
 * it, x: gives the lock up. p:F makes the FIFO F, o:F opens it for reading, O:F for
 * writing, n:F without waiting. m:F renames F to F.new. k:N kills process N, t:N asks it to
 * end. q: creates the System V queue of key 7, Q: removes it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct stat data;
	int lock = -1, queue = -1;
	char other[256];
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2;
		switch (argv[i][0]) {
		case 'r':
			(void)!stat(name, &data);
			break;
		case 'w':
			(void)!truncate(name, 8);
			break;
		case 'c':
			(void)!mkdir(name, 0700);
			break;
		case 'u':
			(void)!rmdir(name);
			break;
		case 's':
			(void)!access(name, F_OK);
			break;
		case 'g':
			for (int look = 0; look < 3 && access(name, F_OK) == -1; look++)
				;
			break;
		case 'l':
			lock = open(name, O_RDWR);
			flock(lock, LOCK_EX);
			break;
		case 'x':
			flock(lock, LOCK_UN);
			break;
		case 'p':
			(void)!mkfifo(name, 0600);
			break;
		case 'o':
			(void)!open(name, O_RDONLY);
			break;
		case 'O':
			(void)!open(name, O_WRONLY);
			break;
		case 'n':
			(void)!open(name, O_WRONLY | O_NONBLOCK);
			break;
		case 'm':
			snprintf(other, sizeof other, "%s.new", name);
			(void)!rename(name, other);
			break;
		case 'k':
			kill(atoi(name), SIGKILL);
			break;
		case 't':
			kill(atoi(name), SIGTERM);
			break;
		case 'q':
			queue = msgget(7, IPC_CREAT | 0600);
			break;
		case 'Q':
			msgctl(msgget(7, 0600), IPC_RMID, NULL);
			break;
		}
	}
	(void)queue;
	_exit(0);
}
