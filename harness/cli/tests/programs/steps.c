/*
 * Does what its arguments say, a call each: r:F looks at file F and w:F changes its
 * length, both by name; c:F creates F unless it is there, u:F removes it, s:F looks
 * whether it is there, three times at most if it is not with g:F. l:F opens F and locks
 * it, x: gives the lock up.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct stat data;
	int lock = -1;
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
		}
	}
	_exit(0);
}
