/* Steps on files by their names. */
#include "calls.h"
#include <sys/utsname.h>
#include <sys/xattr.h>

/* The name that a letter stands for; "x" in the directory "d" is "d/x". */
static char *name(char letter)
{
	static char names[128][2];
	names[(int)letter][0] = letter;
	return names[(int)letter];
}

static char *inside(const char *of)
{
	static char path[4];
	snprintf(path, sizeof path, "%c/%c", of[0], of[1]);
	return path;
}

static long order(struct timespec one, struct timespec other)
{
	if (one.tv_sec == other.tv_sec)
		return one.tv_nsec == other.tv_nsec ? 0 : one.tv_nsec < other.tv_nsec ? 1 : 2;
	return one.tv_sec < other.tv_sec ? 1 : 2;
}

void see_times(const struct stat *data)
{
	static struct stat last;
	if (!S_ISREG(data->st_mode) && !S_ISDIR(data->st_mode))
		return;
	see(order(last.st_mtim, data->st_mtim) + 3 * order(last.st_ctim, data->st_ctim));
	last = *data;
}

static int look(int result, const struct stat *data)
{
	if (result == 0) {
		see(S_ISDIR(data->st_mode) ? 0 : data->st_size);
		see((long)data->st_nlink);
		see(data->st_mode);
		see((long)data->st_ino);
		see(data->st_mtime == 5);
		see_times(data);
	}
	return result;
}

static int look_at(const char *path, int flags)
{
	struct stat data;
	return look(fstatat(AT_FDCWD, path, &data, flags), &data);
}

static long text(long result, const char *text)
{
	for (long at = 0; at < result; at++)
		see(text[at]);
	return result;
}

/* Which names are in a directory, in the order in which they are listed. */
static long listed(int directory)
{
	struct { ino64_t inode; off64_t next; unsigned short size; char type, name[]; } *entry;
	static char bytes[1024];
	long size = syscall(SYS_getdents64, directory, bytes, sizeof bytes);
	for (long at = 0; at < size; at += entry->size) {
		entry = (void *)(bytes + at);
		see(entry->name[0] * 256 + entry->name[1]);
	}
	return size;
}

/* The link by which /proc shows a descriptor. */
static char *link_of(int file)
{
	static char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	return path;
}

static long open_as(const char *of, int flags)
{
	return slot[(int)of[0]] = open(name(of[0]), flags | O_NONBLOCK, 0700);
}

int on_name(const char *step, const char *of)
{
	const struct timespec times[2] = { { 5, 0 }, { 5, 0 } };
	char *a = name(of[0]), *b = name(of[0] ? of[1] : 0), bytes[256] = "";
	int at = slot[(int)of[0]];
	struct utsname host;

	STEP("open.r", open_as(of, O_RDONLY))
	STEP("open.w", open_as(of, O_WRONLY))
	STEP("open.rw", open_as(of, O_RDWR))
	STEP("open.append", open_as(of, O_WRONLY | O_APPEND))
	STEP("open.create", open_as(of, O_RDWR | O_CREAT))
	STEP("open.new", open_as(of, O_RDWR | O_CREAT | O_EXCL))
	STEP("open.empty", open_as(of, O_WRONLY | O_TRUNC))
	STEP("open.dir", open_as(of, O_RDONLY | O_DIRECTORY))
	STEP("open.path", open_as(of, O_PATH))
	STEP("open.tmp", slot[(int)of[0]] = open(".", O_RDWR | O_TMPFILE, 0600))
	STEP("stat", look_at(a, 0))
	STEP("lstat", look_at(a, AT_SYMLINK_NOFOLLOW))
	STEP("stat.in", look_at(inside(of), 0))
	STEP("access", access(a, R_OK | X_OK))
	STEP("truncate.4", truncate(a, 4))
	STEP("truncate.16", truncate(a, 16))
	STEP("mkdir", mkdir(a, 0700))
	STEP("mkdir.in", mkdir(inside(of), 0700))
	STEP("rmdir", rmdir(a))
	STEP("rmdir.in", rmdir(inside(of)))
	STEP("mkfifo", mkfifo(a, 0600))
	STEP("unlink", unlink(a))
	STEP("unlink.in", unlink(inside(of)))
	STEP("rename", rename(a, b))
	STEP("exchange", renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE))
	STEP("noreplace", renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE))
	STEP("link", link(a, b))
	STEP("link.of", text(readlink(link_of(at), bytes, sizeof bytes), bytes))
	STEP("symlink", symlink(a, b))
	STEP("readlink", text(readlink(a, bytes, sizeof bytes), bytes))
	STEP("chdir", chdir(a))
	STEP("getcwd", text(syscall(SYS_getcwd, bytes, sizeof bytes), bytes))
	STEP("chroot", chroot(a))
	STEP("umask", umask(077))
	STEP("hostname", uname(&host) == 0 ? host.nodename[0] : -1)
	STEP("hostname.set", sethostname("!", 1))
	STEP("chmod", chmod(a, 0700))
	STEP("chmod.0", chmod(a, 0))
	STEP("chown", chown(a, 1000, 1000))
	STEP("utimes", utimensat(AT_FDCWD, a, times, 0))
	STEP("setxattr", setxattr(a, "user.k", "v", 1, 0))
	STEP("getxattr", getxattr(a, "user.k", bytes, sizeof bytes))
	STEP("listxattr", text(listxattr(a, bytes, sizeof bytes), bytes))
	STEP("removexattr", removexattr(a, "user.k"))
	STEP("setuid", setuid(1000))

	/* Relative to a directory that is open. */
	STEP("openat", slot[(int)*b] = openat(at, b, O_RDWR | O_CREAT, 0600))
	STEP("mkdirat", mkdirat(at, b, 0700))
	STEP("unlinkat", unlinkat(at, b, 0))
	STEP("linkat", linkat(AT_FDCWD, b, at, b, 0))
	STEP("renameat", renameat(at, b, AT_FDCWD, b))
	STEP("faccessat", faccessat(at, b, F_OK, 0))
	STEP("fchdir", fchdir(at))
	STEP("getdents", listed(at))
	return 0;
}
