/* Two processes ask for what no other process changes, each for itself, as programs do that adapt
   to the machine, find their own files, or try what a file system can do. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *files[] = {
	"/proc/self/cgroup", "/proc/self/mountinfo", "/proc/self/limits", "/proc/self/maps",
	"/proc/self/cmdline", "/proc/meminfo", "/proc/cpuinfo",
	"/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/cap_last_cap", "/proc/sys/vm/overcommit_memory",
	"/sys/fs/cgroup/cpu.max", "/sys/kernel/mm/transparent_hugepage/enabled",
};

static void ask(const char *name) {
	char text[4096], path[4096];
	struct stat status;
	struct statfs system;
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		int file = open(files[i], O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		fstat(file, &status);
		while (read(file, text, sizeof text) > 0)
			;
		close(file);
	}
	int file = open("/proc/sys/kernel/cap_last_cap", O_RDONLY | O_CLOEXEC);
	fstatfs(file, &system);
	close(file);
	readlink("/proc/self/exe", path, sizeof path);
	open("/dev/tty", O_RDWR | O_CLOEXEC);

	/* cp and mv of a file into a directory. */
	mkdir(name, 0700);
	snprintf(path, sizeof path, "%s.from", name);
	int from = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	snprintf(path, sizeof path, "%s.to", name);
	int to = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ioctl(to, FICLONE, from);
	renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE);
	char inside[4096];
	snprintf(inside, sizeof inside, "%s/to", name);
	rename(path, inside);
}

int main(void) {
	if (fork() == 0) {
		ask("one");
		_exit(0);
	}
	ask("other");
	wait(0);
	return 0;
}
