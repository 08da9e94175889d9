/* Renames, removes or changes the program that it executes: each run finds that as it was. */
#include <limits.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char executes[PATH_MAX] = "";
	struct stat status;
	if (argc < 2 || readlink("/proc/self/exe", executes, sizeof executes - 1) < 0)
		return 9;
	if (strcmp(executes, argv[0]) || stat("/proc/self/exe", &status))
		return 1;
	if (status.st_nlink != 1 || (status.st_mode & 0777) != 0755)
		return 2;
	if (!strcmp(argv[1], "renames"))
		return rename(argv[0], "moved") ? 9 : 0;
	if (!strcmp(argv[1], "removes"))
		return unlink(argv[0]) ? 9 : 0;
	return chmod(argv[0], 0700) ? 9 : 0;
}
