/*
 * Tries to get out of the sandbox: `escape WAY MARKER`, where the marker is a path below
 * /tmp. Status 0: whatever it tried was refused or stayed inside; 1: something was not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *marker;
static int got_out;

static void out(const char *how)
{
	fprintf(stderr, "it got out: %s\n", how);
	got_out = 1;
}

static void write_at(int directory, const char *path)
{
	int file = openat(directory, path, O_CREAT | O_WRONLY, 0644);
	if (file != -1)
		close(file);
}

static void must_not_open(const char *path, int flags)
{
	int file = open(path, flags | O_NOCTTY);
	if (file != -1)
		out(path);
}

/* Writes what is there, so that the machine is none the worse. */
static void must_not_set(const char *path)
{
	char text[256];
	int file = open(path, O_RDWR);
	ssize_t length = file == -1 ? -1 : read(file, text, sizeof text);
	if (length > 0 && pwrite(file, text, length, 0) > 0)
		out(path);
}

static void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);
	if (file != -1) {
		if (write(file, text, strlen(text)) == -1)
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
		close(file);
	}
}

/* Becomes root of a user namespace of its own. */
static void own_user_namespace(int others)
{
	char map[64];
	unsigned user = getuid(), group = getgid();
	if (unshare(CLONE_NEWUSER | others) != 0)
		return;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "0 %u 1", user);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "0 %u 1", group);
	write_file("/proc/self/gid_map", map);
}

static void uncover(void)
{
	while (umount2("/tmp", MNT_DETACH) == 0)
		;
	write_at(AT_FDCWD, marker);
	while (umount2("/dev/shm", MNT_DETACH) == 0)
		out("/dev/shm was uncovered");
}

static void mounts_of_others(void)
{
	uncover();
}

static void mounts_of_its_own(void)
{
	if (unshare(CLONE_NEWNS) != 0)
		own_user_namespace(CLONE_NEWNS);
	/* Its own mounts are its own affair. */
	if (mount("none", "/var/tmp", "tmpfs", 0, NULL) == 0 && umount("/var/tmp") != 0)
		out("its own mount stays");
	uncover();
}

static void mounts_of_its_own_user(void)
{
	own_user_namespace(CLONE_NEWNS);
	uncover();
}

static void moved_mounts(void)
{
	char path[512];
	mkdir("/dev/shm/there", 0755);
	if (fork() == 0) {
		mount("/tmp", "/dev/shm/there", NULL, MS_MOVE, NULL);
		write_at(AT_FDCWD, marker);
		_exit(0);
	}
	wait(NULL);
	if (unshare(CLONE_NEWNS) != 0)
		own_user_namespace(CLONE_NEWNS);
	mount("/tmp", "/dev/shm/there", NULL, MS_MOVE, NULL);
	write_at(AT_FDCWD, marker);
	mount("/", "/dev/shm/there", NULL, MS_BIND, NULL);
	snprintf(path, sizeof path, "/dev/shm/there%s", marker);
	write_at(AT_FDCWD, path);
	int tree = syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
	write_at(tree, marker + 1);
}

/* By the handle of the root of ext4 and its like, which needs no name. */
static void file_handles(void)
{
	char room[sizeof(struct file_handle) + 8];
	struct file_handle *handle = (struct file_handle *)room;
	uint32_t root[2] = { 2, 0 };
	handle->handle_bytes = sizeof root;
	handle->handle_type = 1;
	memcpy(handle->f_handle, root, sizeof root);
	int directory = open_by_handle_at(open("/", O_RDONLY), handle, O_RDONLY);
	if (directory != -1)
		write_at(directory, marker + 1);
}

static void process_1(void)
{
	char path[512], byte;
	struct iovec here = { &byte, 1 }, there = { (void *)0x555555554000, 1 };
	must_not_open("/proc/1/mem", O_RDONLY);
	must_not_open("/proc/1/root", O_PATH | O_DIRECTORY);
	must_not_open("/proc/1/ns/mnt", O_RDONLY);
	must_not_open("/proc/1/exe", O_RDONLY);
	int process = syscall(SYS_pidfd_open, 1, 0);
	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof path, "/proc/1/fd/%d", i);
		must_not_open(path, O_PATH);
		if (process != -1 && syscall(SYS_pidfd_getfd, process, i, 0) != -1)
			out("a descriptor of process 1");
	}
	if (process_vm_readv(1, &here, 1, &there, 1, 0) == 1 ||
	    process_vm_writev(1, &here, 1, &there, 1, 0) == 1 || errno != EPERM)
		out("memory of process 1");
}

/* What runs are copied from lives in the sandbox, too. */
static void templates(void)
{
	char path[64];
	struct rlimit none = { 0, 0 };
	for (int pid = 20001; pid < 20008; pid++) {
		if (kill(pid, SIGKILL) == 0 || errno != ESRCH)
			out("a template");
		if (prlimit(pid, RLIMIT_NOFILE, &none, NULL) == 0)
			out("limits of a template");
		snprintf(path, sizeof path, "/proc/%d/mem", pid);
		must_not_open(path, O_RDWR);
	}
}

static void devices(void)
{
	const char *denied[] = { "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop-control",
				 "/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/tty1", "/dev/pts/0" };
	const char *needed[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/ptmx" };
	for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
		must_not_open(denied[i], O_RDWR);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (open(needed[i], i == 3 ? O_RDONLY : O_RDWR) == -1)
			out(needed[i]);
	if (mknod("/tmp/block", S_IFBLK | 0600, makedev(8, 0)) == 0)
		must_not_open("/tmp/block", O_RDONLY);
	if (mkdir("/dev/escape", 0700) == 0) {
		rmdir("/dev/escape");
		out("a name in /dev");
	}
}

static void settings(void)
{
	must_not_set("/proc/sys/vm/swappiness");
	must_not_set("/sys/kernel/mm/transparent_hugepage/enabled");
	must_not_open("/proc/sysrq-trigger", O_WRONLY);
	if (mkdir("/sys/fs/cgroup/escape", 0700) == 0) {
		rmdir("/sys/fs/cgroup/escape");
		out("a cgroup");
	}
	/* A second view of them, in namespaces of its own. */
	own_user_namespace(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
	mkdir("/dev/shm/there", 0755);
	if (fork() == 0) {
		mount("proc", "/dev/shm/there", "proc", 0, NULL);
		must_not_set("/dev/shm/there/sys/vm/swappiness");
		mount("sysfs", "/dev/shm/there", "sysfs", 0, NULL);
		must_not_set("/dev/shm/there/kernel/mm/transparent_hugepage/enabled");
		mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
		must_not_set("/sys/kernel/mm/transparent_hugepage/enabled");
		_exit(got_out);
	}
	int status;
	wait(&status);
	got_out |= status;
	if (unshare(CLONE_NEWCGROUP) == 0)
		out("a namespace of cgroups");
}

/* The name of the host is the run's own. */
static void host_name(void)
{
	char name[65] = "";
	gethostname(name, sizeof name - 1);
	if (strcmp(name, "escaped") == 0)
		out("the name that an earlier run gave");
	sethostname("escaped", 7);
}

static int finish(pid_t child)
{
	int status;
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* A child that no tracer is to follow still gets its system calls answered. */
static void untraced(void)
{
	struct clone_args args = { .flags = CLONE_UNTRACED, .exit_signal = SIGCHLD };
	for (int way = 0; way < 2; way++) {
		pid_t child = way ? syscall(SYS_clone3, &args, sizeof args)
				  : syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
		if (child == 0)
			_exit(getppid() > 0 ? 0 : 1);
		if (!finish(child))
			out("an untraced child");
	}
	if (args.flags != CLONE_UNTRACED)
		out("its own memory was changed");
}

static int filter(unsigned action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };
	int result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (code[2].k != action)
		out("its own memory was changed");
	return result;
}

/* No tracer that the program knows of: the call fails (seccomp(2), SECCOMP_RET_TRACE). */
static void handed_to_tracer(void)
{
	if (filter(SECCOMP_RET_TRACE | 7, 0) != 0)
		out("no filter");
	if (syscall(SYS_getppid) != -1 || errno != ENOSYS)
		out("a call that a tracer was to see");
}

static void asks_listener(void)
{
	filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	syscall(SYS_getppid); /* for ever: nobody listens */
}

static void strict(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	syscall(SYS_exit, 0);
}

/* Numbers by which scenarios of the harness speak to it; Linux has no such calls. */
static void marks(void)
{
	for (long number = 0x43520000; number < 0x43520004; number++)
		if (syscall(number, "escape", 6) != -1 || errno != ENOSYS)
			out("a mark");
}

/* Who does not want to be looked into is followed nevertheless, and knows no better. */
static void undumpable(void)
{
	if (prctl(PR_GET_DUMPABLE) != 1 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
	    prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_SET_DUMPABLE, 2) != -1)
		out("what others may see");
	pid_t child = fork();
	if (child == 0)
		_exit(prctl(PR_GET_DUMPABLE));
	if (!finish(child))
		out("a child that can be looked into");
}

/* The marker is the name of a socket at which a process of the machine listens. */
static void daemons(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, marker, sizeof address.sun_path - 1);
	int asks = socket(AF_UNIX, SOCK_STREAM, 0), sends = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (connect(asks, (struct sockaddr *)&address, sizeof address) == 0 || errno != ECONNREFUSED)
		out("a connection to a daemon");
	if (sendto(sends, "x", 1, 0, (struct sockaddr *)&address, sizeof address) == 1 ||
	    errno != ECONNREFUSED)
		out("a message to a daemon");
	/* Its own are its own affair, wherever they are. */
	strncat(address.sun_path, ".own", 5);
	unlink(address.sun_path);
	int listens = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listens, (struct sockaddr *)&address, sizeof address) != 0 || listen(listens, 1) != 0 ||
	    connect(asks, (struct sockaddr *)&address, sizeof address) != 0)
		out("no socket of its own");
	unlink(address.sun_path);
}

static void wild_jump(void)
{
	void (*nowhere)(void) = (void (*)(void))0x7000000000;
	nowhere();
}

static const struct {
	const char *name;
	void (*go)(void);
} ways[] = {
	{ "mounts_of_others", mounts_of_others },
	{ "mounts_of_its_own", mounts_of_its_own },
	{ "mounts_of_its_own_user", mounts_of_its_own_user },
	{ "moved_mounts", moved_mounts },
	{ "file_handles", file_handles },
	{ "process_1", process_1 },
	{ "templates", templates },
	{ "devices", devices },
	{ "settings", settings },
	{ "host_name", host_name },
	{ "untraced", untraced },
	{ "handed_to_tracer", handed_to_tracer },
	{ "asks_listener", asks_listener },
	{ "strict", strict },
	{ "marks", marks },
	{ "undumpable", undumpable },
	{ "daemons", daemons },
	{ "wild_jump", wild_jump },
};

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	marker = words[2];
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i].name, words[1]) == 0) {
			ways[i].go();
			return got_out;
		}
	return 2;
}
