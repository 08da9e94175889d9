// Executes a program as a container with Docker's usual settings does: under a filter that
// refuses what its default profile refuses to a process without CAP_SYS_ADMIN, and, if root
// starts it, with the capabilities that it leaves to root.
//
//   container PROGRAM ARGUMENTS…
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int refused[] = {
	// Namespaces and mounts.
	SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_fsopen, SYS_fsconfig,
	SYS_fsmount, SYS_fspick, SYS_move_mount, SYS_open_tree,
	// Keys, which no namespace tells apart.
	SYS_add_key, SYS_keyctl, SYS_request_key,
	// Other processes. Their memory only by Docker 20.10 and older.
	SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise, SYS_move_pages, SYS_migrate_pages,
	SYS_process_vm_readv, SYS_process_vm_writev,
	// The kernel and the machine.
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
	SYS_io_uring_register, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
	SYS_reboot, SYS_acct, SYS_swapon, SYS_swapoff, SYS_sethostname, SYS_setdomainname,
	SYS_clock_settime, SYS_settimeofday, SYS_ioperm, SYS_iopl, SYS_syslog, SYS_quotactl,
	SYS_open_by_handle_at, SYS_fanotify_init, SYS_vhangup, SYS_lookup_dcookie, SYS_ustat,
	SYS_sysfs, SYS_uselib, SYS_get_mempolicy, SYS_set_mempolicy, SYS_mbind,
};

// The flags of clone that make namespaces: all but CLONE_NEWTIME, which clone does not take.
#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)

static const unsigned personalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

// What Docker leaves to root.
static const int left[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
	CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE,
	CAP_SETFCAP,
};

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

static void filter(void)
{
	enum { COUNT = sizeof refused / sizeof *refused };
	enum { PERSONALITIES = sizeof personalities / sizeof *personalities };
	struct sock_filter code[2 * COUNT + 2 * PERSONALITIES + 32];
	size_t at = 0;
#define LOAD(field) \
	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		offsetof(struct seccomp_data, field))
#define ANSWER(action) code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action)
#define UNLESS(test, value, skipped) \
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, 0, skipped)
	LOAD(arch);
	UNLESS(BPF_JEQ, AUDIT_ARCH_X86_64, 1);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1);
	ANSWER(SECCOMP_RET_ERRNO | EPERM);
	LOAD(nr);
	for (size_t i = 0; i < COUNT; i++) {
		UNLESS(BPF_JEQ, refused[i], 1);
		ANSWER(SECCOMP_RET_ERRNO | EPERM);
	}
	// So that libraries fall back to clone, whose flags a filter can see.
	UNLESS(BPF_JEQ, SYS_clone3, 1);
	ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
	UNLESS(BPF_JEQ, SYS_clone, 4);
	LOAD(args[0]);
	UNLESS(BPF_JSET, NAMESPACES, 1);
	ANSWER(SECCOMP_RET_ERRNO | EPERM);
	ANSWER(SECCOMP_RET_ALLOW);
	UNLESS(BPF_JEQ, SYS_personality, 2 + 2 * PERSONALITIES);
	LOAD(args[0]);
	for (size_t i = 0; i < PERSONALITIES; i++) {
		UNLESS(BPF_JEQ, personalities[i], 1);
		ANSWER(SECCOMP_RET_ALLOW);
	}
	ANSWER(SECCOMP_RET_ERRNO | EPERM);
	ANSWER(SECCOMP_RET_ALLOW);
	struct sock_fprog program = {at, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail("PR_SET_NO_NEW_PRIVS");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		fail("seccomp");
}

static void drop(void)
{
	unsigned long long kept = 0;
	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		kept |= 1ull << left[i];
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(kept >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			fail("PR_CAPBSET_DROP");
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[2] = {
		{(unsigned)kept, (unsigned)kept, 0},
		{(unsigned)(kept >> 32), (unsigned)(kept >> 32), 0},
	};
	if (syscall(SYS_capset, &head, sets) != 0)
		fail("capset");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 125;
	if (geteuid() == 0)
		drop();
	filter();
	execvp(argv[1], argv + 1);
	fail(argv[1]);
}
