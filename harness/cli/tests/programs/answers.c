/* What the kernel answers, and a tool that stands between it and a program could get wrong:
 * answers MODE. Exits with status 0 if the answers are right. */
#define _GNU_SOURCE
#include "answers.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/random.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Opens both ends of a pseudoterminal. */
static void open_ends(int ends[2]) {
	ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
	demand(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
	ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
	demand(ends[1] >= 0);
}

static void terminal_time_out(void) {
	int ends[2];
	char byte;
	struct termios settings, told;
	open_ends(ends);
	demand(tcgetattr(ends[1], &settings) == 0);
	cfmakeraw(&settings);
	settings.c_cc[VMIN] = 0;
	settings.c_cc[VTIME] = 5;
	demand(tcsetattr(ends[1], TCSANOW, &settings) == 0);
	demand(tcgetattr(ends[0], &told) == 0 && told.c_cc[VTIME] == 5 && told.c_cc[VMIN] == 0);
	double began = now();
	demand(read(ends[1], &byte, 1) == 0);
	demand(now() - began >= 0.5 && now() - began < 1);
	if (!fork()) {
		usleep(100000);
		_exit(write(ends[0], "q", 1) != 1);
	}
	demand(read(ends[1], &byte, 1) == 1 && byte == 'q');
	wait(0);
	settings.c_cc[VTIME] = 0;
	demand(tcsetattr(ends[1], TCSANOW, &settings) == 0);
	demand(read(ends[1], &byte, 1) == 0);
}

/* Two processes type lines, a third answers each; what is read is printed. */
static void terminal_lines(void) {
	int ends[2];
	char line[64], answer[96], told[64];
	open_ends(ends);
	if (!fork()) {
		close(ends[0]);
		for (int read_so_far = 0, count; read_so_far < 16; read_so_far += count) {
			demand((count = read(ends[1], line, sizeof line)) > 0);
			int length = snprintf(answer, sizeof answer, "[%d]", count);
			demand(write(ends[1], answer, length) == length);
		}
		_exit(0);
	}
	for (int typist = 0; typist < 2; typist++)
		if (!fork()) {
			for (int i = 0; i < 4; i++)
				demand(write(ends[0], typist ? "x\n" : "y\n", 2) == 2);
			_exit(0);
		}
	close(ends[1]);
	for (int count; (count = read(ends[0], told, sizeof told)) > 0;)
		fwrite(told, 1, count, stdout);
	while (wait(0) > 0);
}

static void aborted_by_parent(void) {
	int status;
	pid_t child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	demand(kill(child, SIGABRT) == 0 && waitpid(child, &status, 0) == child);
	demand(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* SIGCONT reaches a process that waits in a call, and was not stopped. */
static void continued(void) {
	int status, ends[2], call, semaphore = semget(IPC_PRIVATE, 1, 0600);
	for (call = 0; call < 4; call++) {
		struct sembuf down = {0, -1, 0}, up = {0, 1, 0};
		char byte;
		demand(pipe(ends) == 0);
		pid_t child = fork();
		if (!child) {
			struct pollfd readable = {ends[0], POLLIN, 0};
			pid_t own;
			switch (call) {
			case 0: _exit(read(ends[0], &byte, 1) != 1);
			case 1: _exit(poll(&readable, 1, -1) != 1);
			case 2: _exit(semop(semaphore, &down, 1));
			}
			if (!(own = fork())) _exit(read(ends[0], &byte, 1) != 1);
			_exit(waitpid(own, &status, 0) != own || status);
		}
		usleep(10000);
		demand(kill(child, SIGCONT) == 0);
		usleep(10000);
		demand(write(ends[1], "x", 1) == 1 && (call != 2 || semop(semaphore, &up, 1) == 0));
		demand(waitpid(child, &status, 0) == child && status == 0);
		demand(close(ends[0]) == 0 && close(ends[1]) == 0);
	}
	demand(semctl(semaphore, 0, IPC_RMID) == 0);
}

static void removed_queue(void) {
	struct { long type; char text[8]; } message = {1, "x"};
	int status, queue = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds about;
	demand(queue >= 0 && msgctl(queue, IPC_STAT, &about) == 0);
	about.msg_qbytes = 8;
	demand(msgctl(queue, IPC_SET, &about) == 0 && msgsnd(queue, &message, 8, 0) == 0);
	pid_t child = fork();
	if (!child)
		_exit(msgsnd(queue, &message, 8, 0) == 0 ? 2 : errno == EIDRM ? 0 : errno == EINVAL ? 3 : 1);
	sleep(1);
	demand(msgctl(queue, IPC_RMID, 0) == 0 && waitpid(child, &status, 0) == child);
	/* It may have been so slow that it began when there was no queue. */
	demand(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
	demand(msgsnd(queue, &message, 8, 0) == -1 && errno == EINVAL);
}

static int is_about(time_t told, time_t wanted) { return told >= wanted && told <= wanted + 1; }

static void system_v_times(void) {
	struct { long type; char text[8]; } message = {1, "x"};
	struct sembuf up = {0, 1, 0};
	struct msqid_ds queue;
	struct semid_ds semaphores;
	struct shmid_ds memory;
	int q = msgget(IPC_PRIVATE, 0600), s = semget(IPC_PRIVATE, 1, 0600);
	int m = shmget(IPC_PRIVATE, 4096, 0600);
	time_t began = time(0);
	demand(q >= 0 && s >= 0 && m >= 0 && msgctl(q, IPC_STAT, &queue) == 0);
	demand(queue.msg_stime == 0 && queue.msg_rtime == 0 && is_about(queue.msg_ctime, began));
	sleep(10);
	demand(msgsnd(q, &message, 8, 0) == 0 && semop(s, &up, 1) == 0);
	void *at = shmat(m, 0, 0);
	sleep(10);
	demand(msgrcv(q, &message, 8, 0, 0) == 8 && shmdt(at) == 0);
	demand(msgctl(q, IPC_STAT, &queue) == 0 && semctl(s, 0, IPC_STAT, &semaphores) == 0);
	demand(shmctl(m, IPC_STAT, &memory) == 0);
	demand(is_about(queue.msg_stime, began + 10) && is_about(queue.msg_rtime, began + 20));
	demand(is_about(semaphores.sem_otime, began + 10) && is_about(semaphores.sem_ctime, began));
	demand(is_about(memory.shm_atime, began + 10) && is_about(memory.shm_dtime, began + 20));
	demand(is_about(memory.shm_ctime, began));
	msgctl(q, IPC_RMID, 0);
	semctl(s, 0, IPC_RMID);
	shmctl(m, IPC_RMID, 0);
}

/* Prints the name that the kernel chooses. */
static void unnamed_socket(void) {
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t length = sizeof name;
	int one = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	demand(bind(one, (struct sockaddr *)&name, sizeof name.sun_family) == 0);
	demand(getsockname(one, (struct sockaddr *)&name, &length) == 0 && length == 8);
	demand(sendto(other, "x", 1, 0, (struct sockaddr *)&name, length) == 1);
	printf("%.5s\n", name.sun_path + 1);
}

/* Returns the number in a line of /proc/self/status. */
static int in_status(const char *name) {
	char line[256];
	int number = -1;
	FILE *status = fopen("/proc/self/status", "r");
	demand(status);
	while (fgets(line, sizeof line, status))
		if (!strncmp(line, name, strlen(name)))
			number = atoi(line + strlen(name));
	fclose(status);
	return number;
}

static int add_filter(unsigned flags, unsigned short length) {
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {length, &allow};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void is_filtered(int privileges, int filters) {
	demand(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == privileges);
	demand(in_status("NoNewPrivs:") == privileges);
	demand(in_status("Seccomp:") == (filters ? 2 : 0) && in_status("Seccomp_filters:") == filters);
	demand(prctl(PR_GET_SECCOMP) == (filters ? 2 : 0));
}

static void executed_with_filter(void) { is_filtered(1, 1); }

static void no_new_privileges(void) {
	int status;
	is_filtered(0, 0);
	demand(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 && errno == EINVAL);
	demand(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1 && errno == EINVAL);
	pid_t child = fork();
	if (!child) {
		if (getuid() == 0)
			demand(setuid(1000) == 0);
		demand(add_filter(0, 1) == -1 && errno == EACCES);
		demand(add_filter(0, 0) == -1 && errno == EINVAL);
		demand(add_filter(1 << 20, 1) == -1 && errno == EINVAL);
		demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		is_filtered(1, 0);
		demand(add_filter(0, 1) == 0);
		is_filtered(1, 1);
		if (!fork())
			execl("/proc/self/exe", "answers", "executed_with_filter", (char *)0);
		wait(&status);
		_exit(status != 0);
	}
	demand(waitpid(child, &status, 0) == child && status == 0);
	is_filtered(0, 0);
}

static void entropy(void) {
	static const char *const names[] = {"/dev/random", "/dev/urandom"};
	for (int i = 0; i < 2; i++) {
		int bits = 0, file = open(names[i], O_RDONLY);
		demand(file >= 0 && ioctl(file, RNDGETENTCNT, &bits) == 0 && bits == 256);
		demand(ioctl(file, RNDGETENTCNT, 0) == -1 && errno == EFAULT);
		demand(ioctl(file, _IO('R', 0x77)) == -1 && errno == EINVAL);
		close(file);
	}
	int other = memfd_create("x", 0), bits;
	demand(ioctl(other, RNDGETENTCNT, &bits) == -1 && errno == ENOTTY);
}

static void first_process(void) {
	struct sched_param parameter = {0}, told = {7};
	struct timespec used = {-1, -1};
	cpu_set_t cpus;
	clockid_t clock;
	int status;
	demand(clock_getcpuclockid(1, &clock) == 0 && clock_gettime(clock, &used) == 0);
	demand(used.tv_sec >= 0);
	demand(sched_getscheduler(1) >= 0);
	demand(sched_getparam(1, &told) == 0 && told.sched_priority != 7);
	demand(sched_getaffinity(1, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 0);
	demand(sched_setscheduler(1, SCHED_OTHER, &parameter) == 0 || errno == EPERM);
	if (getuid() != 0)
		return;
	pid_t child = fork();
	if (!child) {
		demand(setuid(1000) == 0);
		demand(sched_getscheduler(1) >= 0);
		demand(sched_setscheduler(1, SCHED_OTHER, &parameter) == -1 && errno == EPERM);
		demand(sched_setparam(1, &parameter) == -1 && errno == EPERM);
		demand(sched_setaffinity(1, sizeof cpus, &cpus) == -1 && errno == EPERM);
		_exit(0);
	}
	demand(waitpid(child, &status, 0) == child && status == 0);
}

/* A child that has ended is there until its status has been asked for. */
static void ended_process(void) {
	struct sched_param told = {7};
	cpu_set_t cpus;
	siginfo_t ended;
	pid_t child = fork();
	if (!child) {
		demand(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) == 0);
		_exit(0);
	}
	demand(waitid(P_PID, child, &ended, WEXITED | WNOWAIT) == 0);
	demand(sched_getscheduler(child) == SCHED_BATCH);
	demand(sched_getparam(child, &told) == 0 && told.sched_priority == 0);
	demand(sched_getaffinity(child, sizeof cpus, &cpus) == 0);
	demand(waitpid(child, 0, 0) == child);
	demand(sched_getscheduler(child) == -1 && errno == ESRCH);
}

/* The overruns of a timer that a signal tells, which are those that the timer tells. One that is
 * deleted may leave its signal behind, so each has another. */
static int overruns_of(int signal, long ahead, struct timespec interval) {
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
	struct itimerspec setting = {.it_interval = interval};
	sigset_t set;
	siginfo_t info;
	timer_t timer;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, 0);
	demand(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
	clock_gettime(CLOCK_REALTIME, &setting.it_value);
	setting.it_value.tv_sec -= ahead;
	demand(timer_settime(timer, TIMER_ABSTIME, &setting, 0) == 0);
	usleep(300000);
	demand(sigwaitinfo(&set, &info) == signal && info.si_code == SI_TIMER);
	int told = timer_getoverrun(timer);
	usleep(100000);
	demand(told == info.si_overrun && timer_getoverrun(timer) == told);
	demand(timer_delete(timer) == 0);
	return told;
}

static void timer_overruns(void) {
	demand(overruns_of(SIGUSR1, 4, (struct timespec){0, 1}) == 0x7fffffff);
	int some = overruns_of(SIGUSR2, 2, (struct timespec){0, 100000000});
	demand(some >= 22 && some <= 40);
	demand(overruns_of(SIGHUP, 2, (struct timespec){0, 0}) == 0);
}

static double now_by(clockid_t clock) {
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* The clocks of a new time namespace, compared with those of its parent. */
static void time_namespace(double boot) {
	char offsets[64];
	struct sysinfo info;
	int status, file, length = sprintf(offsets, "monotonic 100 0\nboottime %.0f 0\n", boot);
	demand(unshare(CLONE_NEWUSER | CLONE_NEWTIME) == 0);
	file = open("/proc/self/timens_offsets", O_WRONLY);
	demand(file >= 0 && write(file, offsets, length) == length);
	double before = now_by(CLOCK_MONOTONIC), up = now_by(CLOCK_BOOTTIME), date = now_by(CLOCK_REALTIME);
	pid_t child = fork();
	if (!child) {
		double later = now_by(CLOCK_MONOTONIC) - before, later_up = now_by(CLOCK_BOOTTIME) - up;
		demand(later >= 100 && later < 102 && later_up >= boot && later_up < boot + 2);
		demand(now_by(CLOCK_REALTIME) - date < 2);
		demand(sysinfo(&info) == 0 && info.uptime - up > boot - 2 && info.uptime - up < boot + 2);
		FILE *uptime = fopen("/proc/uptime", "r");
		double told;
		demand(uptime && fscanf(uptime, "%lf", &told) == 1 && told - up > boot - 2 && told - up < boot + 2);
		/* Absolute times are those of the namespace. */
		struct timespec end;
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec++;
		demand(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, 0) == 0);
		int timer = timerfd_create(CLOCK_BOOTTIME, 0);
		struct itimerspec setting = {0};
		unsigned long expiries;
		clock_gettime(CLOCK_BOOTTIME, &setting.it_value);
		setting.it_value.tv_sec++;
		demand(timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, 0) == 0);
		demand(read(timer, &expiries, sizeof expiries) == 8 && expiries == 1);
		later = now_by(CLOCK_REALTIME) - date;
		demand(later >= 1 && later < 5);
		/* So often that there are calls only for the first. */
		for (int i = 0; i < 200; i++) {
			double passed = now_by(CLOCK_REALTIME) - date;
			later = now_by(CLOCK_MONOTONIC) - before - passed;
			demand(later > 99.9 && later < 100.9);
		}
		_exit(0);
	}
	demand(waitpid(child, &status, 0) == child && status == 0);
	demand(now_by(CLOCK_MONOTONIC) - before < 10);
}

static void time_namespaces(void) { time_namespace(1000); }
static void time_namespaces_alike(void) { time_namespace(100); }

static void ends_by(int signal, int limit, int dumpable, int dumps) {
	struct rlimit most = {limit, RLIM_INFINITY};
	siginfo_t info;
	int status, ready[2];
	char byte;
	demand(pipe(ready) == 0);
	for (int way = 0; way < 3; way++) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigprocmask(SIG_BLOCK, &set, 0);
		pid_t child = fork();
		if (!child) {
			demand(setrlimit(RLIMIT_CORE, &most) == 0);
			demand(prctl(PR_SET_DUMPABLE, dumpable) == 0);
			demand(write(ready[1], "x", 1) == 1);
			pause();
			_exit(0);
		}
		demand(read(ready[0], &byte, 1) == 1 && kill(child, signal) == 0);
		demand(sigwaitinfo(&set, &info) == SIGCHLD && info.si_pid == child);
		demand(info.si_status == signal && info.si_code == (dumps ? CLD_DUMPED : CLD_KILLED));
		if (way == 0) {
			demand(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
			demand(WTERMSIG(status) == signal && !!WCOREDUMP(status) == dumps);
			continue;
		}
		info.si_code = 0;
		demand(waitid(P_PID, child, &info, WEXITED | (way == 1 ? WNOWAIT : 0)) == 0);
		demand(info.si_status == signal && info.si_code == (dumps ? CLD_DUMPED : CLD_KILLED));
		if (way == 1)
			waitpid(child, 0, 0);
	}
	close(ready[0]), close(ready[1]);
}

static void dumped_core(void) {
	struct rlimit most;
	char pattern[128];
	FILE *setting = fopen("/proc/sys/kernel/core_pattern", "r");
	demand(setting && fgets(pattern, sizeof pattern, setting) && !strcmp(pattern, "core\n"));
	demand(getrlimit(RLIMIT_CORE, &most) == 0 && most.rlim_max >= 1 << 20);
	ends_by(SIGABRT, 1 << 20, 1, 1);
	ends_by(SIGQUIT, 1 << 20, 1, 1);
	ends_by(SIGABRT, 0, 1, 0);
	ends_by(SIGABRT, 1 << 20, 0, 0);
	ends_by(SIGTERM, 1 << 20, 1, 0);
}

int main(int count, char **words) {
	static const struct mode modes[] = {
		{"terminal_time_out", terminal_time_out}, {"terminal_lines", terminal_lines},
		{"aborted_by_parent", aborted_by_parent}, {"removed_queue", removed_queue},
		{"continued", continued},
		{"system_v_times", system_v_times}, {"unnamed_socket", unnamed_socket},
		{"no_new_privileges", no_new_privileges}, {"executed_with_filter", executed_with_filter},
		{"entropy", entropy}, {"first_process", first_process}, {"ended_process", ended_process},
		{"timer_overruns", timer_overruns},
		{"dumped_core", dumped_core}, {"time_namespaces", time_namespaces},
		{"time_namespaces_alike", time_namespaces_alike},
	};
	return check_mode(modes, sizeof modes / sizeof *modes, count, words);
}
