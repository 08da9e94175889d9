/* What the kernel answers, and a tool that stands between it and a program could get wrong:
 * answers MODE. Exits with status 0 if the answers are right. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define demand(condition) do { \
	if (!(condition)) { fprintf(stderr, "not so: %s, errno %d\n", #condition, errno); exit(1); } \
} while (0)

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

int main(int count, char **words) {
	static const struct { const char *name; void (*check)(void); } modes[] = {
		{"terminal_time_out", terminal_time_out}, {"terminal_lines", terminal_lines},
		{"aborted_by_parent", aborted_by_parent}, {"removed_queue", removed_queue},
		{"system_v_times", system_v_times}, {"unnamed_socket", unnamed_socket},
	};
	for (size_t i = 0; count == 2 && i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(modes[i].name, words[1])) {
			modes[i].check();
			return 0;
		}
	return 2;
}
