/* Steps on processes and signals. */
#include "calls.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

static pid_t pid(char digit)
{
	return digit ? first + digit - '0' : 0;
}

static long waited(pid_t who, int options)
{
	int status = 0;
	long result = wait4(who, &status, options, NULL);
	see(status);
	return result;
}

static long noticed(int options)
{
	siginfo_t told;
	long result;
	memset(&told, 0, sizeof told);
	result = waitid(P_ALL, 0, &told, options);
	see(told.si_pid);
	see(told.si_code);
	see(told.si_status);
	return result;
}

static long limit(pid_t who, int is_set)
{
	struct rlimit few = { 50, 60 }, told = { 0, 0 };
	long result = prlimit(who, RLIMIT_NOFILE, is_set ? &few : NULL, &told);
	see((long)told.rlim_cur);
	return result;
}

static long peeked(pid_t who)
{
	static char word = 'w';
	char copy = 0;
	struct iovec here = { &copy, 1 }, there = { &word, 1 };
	long result = process_vm_readv(who, &here, 1, &there, 1, 0);
	see(copy);
	return result;
}

/* A child that ends at once. */
static long child(void)
{
	long result = fork();
	if (result == 0)
		leave();
	return result;
}

/* A sibling that ends at once. */
static long sibling(void)
{
	long result = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (result == 0)
		leave();
	return result;
}

static long affinity(pid_t who)
{
	cpu_set_t set;
	return sched_getaffinity(who, sizeof set, &set);
}

int on_process(const char *step, const char *of)
{
	pid_t who = pid(of[0]), group = pid(of[0] ? of[1] : 0);

	STEP("getppid", getppid())
	STEP("getpgid", getpgid(who))
	STEP("getsid", getsid(who))
	STEP("getpgrp", getpgrp())
	STEP("setpgid", setpgid(who, group))
	STEP("setpgid.own", setpgid(0, who))
	STEP("setsid", setsid())
	STEP("wait", waited(-1, WNOHANG))
	STEP("wait.for", waited(-1, 0))
	STEP("wait.group", waited(0, WNOHANG))
	STEP("wait.groups", waited(-who, WNOHANG))
	STEP("wait.stopped", waited(-1, WNOHANG | WUNTRACED | WCONTINUED))
	STEP("waitid.look", noticed(WEXITED | WNOHANG | WNOWAIT))
	STEP("waitid.continued", noticed(WCONTINUED | WNOHANG))
	STEP("waitid.stopped", noticed(WSTOPPED | WNOHANG))
	STEP("fork", child())
	STEP("fork.sibling", sibling())
	STEP("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1))
	STEP("pdeathsig", prctl(PR_SET_PDEATHSIG, SIGUSR1))
	STEP("prlimit", limit(who, 1))
	STEP("prlimit.get", limit(who, 0))
	STEP("nice", setpriority(PRIO_PROCESS, (id_t)who, 5))
	STEP("nice.get", getpriority(PRIO_PROCESS, (id_t)who))
	STEP("scheduler", sched_getscheduler(who))
	STEP("affinity", affinity(who))
	STEP("peek.at", peeked(who))
	STEP("pidfd", slot['0' + (int)(who - first)] = (int)syscall(SYS_pidfd_open, who, 0))
	STEP("exit", (leave(), 0))
	return 0;
}

static void handle(int signal)
{
	see(1000 + signal);
}

static int mask(int how, int is_shown)
{
	sigset_t set, old;
	int result;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	result = sigprocmask(how, &set, &old);
	if (is_shown && (result = sigpending(&old)) == 0)
		see(sigismember(&old, SIGUSR1) * 2 + sigismember(&old, SIGCHLD));
	return result;
}

static int signalled(int number, int is_taken)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;
	siginfo_t told = { 0 };
	int result;
	sigemptyset(&set);
	if (!is_taken)
		return sigsuspend(&set);
	sigaddset(&set, number);
	result = sigtimedwait(&set, &told, &none);
	see(told.si_pid);
	return result;
}

static int catch(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	return sigaction(number, &action, NULL);
}

int on_signal(const char *step, const char *of)
{
	pid_t who = pid(of[0]);

	STEP("kill.0", kill(who, 0))
	STEP("kill.usr1", kill(who, SIGUSR1))
	STEP("kill.stop", kill(who, SIGSTOP))
	STEP("kill.cont", kill(who, SIGCONT))
	STEP("kill.term", kill(who, SIGTERM))
	STEP("kill.kill", kill(who, SIGKILL))
	STEP("kill.group", kill(-who, SIGUSR1))
	STEP("tgkill", syscall(SYS_tgkill, who, who, SIGUSR1))
	STEP("sigqueue", sigqueue(who, SIGUSR1, (union sigval){ .sival_int = 1 }))
	STEP("handle", catch(SIGUSR1, handle))
	STEP("handle.chld", catch(SIGCHLD, handle))
	STEP("ignore", catch(SIGUSR1, SIG_IGN))
	STEP("ignore.chld", catch(SIGCHLD, SIG_IGN))
	STEP("ignore.pipe", catch(SIGPIPE, SIG_IGN))
	STEP("block", mask(SIG_BLOCK, 0))
	STEP("unblock", mask(SIG_UNBLOCK, 0))
	STEP("pending", mask(SIG_BLOCK, 1))
	STEP("suspend", signalled(SIGUSR1, 0))
	STEP("sigwait", signalled(SIGUSR1, 1))
	return 0;
}
