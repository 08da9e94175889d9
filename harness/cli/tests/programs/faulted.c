/* Two processes that rely on what the kernel promises although a fault strikes, and programs that
 * rely on more. The argument is the name of one; exits with 0 if all was as it relies on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGES = 3, LENGTH = 8 };

static int forth[2], back[2];
static volatile sig_atomic_t next = 1, disordered, got;
static sem_t taken;

/* Each packet is read whole. */
static int packets(int sends)
{
	char bytes[4096];
	ssize_t length;
	int count = 0;
	if (sends) {
		for (int i = 0; i < MESSAGES; i++)
			if (write(forth[1], "packets!", LENGTH) != LENGTH)
				return 3;
		return 0;
	}
	while ((length = read(forth[0], bytes, sizeof bytes)) > 0) {
		if (length != LENGTH)
			return 4;
		count++;
	}
	return count == MESSAGES ? 0 : 5;
}

/* An element without room comes first: 0 would be the end. */
static int elements(int sends)
{
	char bytes[64];
	struct iovec vector[] = { { bytes, 0 }, { bytes, sizeof bytes } };
	ssize_t length;
	int count = 0;
	if (sends)
		return write(forth[1], "elements", LENGTH) == LENGTH ? 0 : 3;
	while ((length = readv(forth[0], vector, 2)) > 0)
		count += length;
	return count == LENGTH ? 0 : 5;
}

/* Takes all bytes of a pipe for granted. */
/* The other one is expected to be faster than that. */
static int impatient(int sends)
{
	if (sends)
		return write(forth[1], "x", 1) != 1;
	struct pollfd polled = { .fd = forth[0], .events = POLLIN };
	return poll(&polled, 1, 10) != 1;
}

static int short_read(int sends)
{
	char bytes[LENGTH];
	if (sends)
		return write(forth[1], "shorter!", LENGTH) == LENGTH ? 0 : 3;
	return read(forth[0], bytes, LENGTH) == LENGTH ? 0 : 5;
}

/* Asks for all bytes (recv(2), MSG_WAITALL). */
static int all(int sends)
{
	char bytes[LENGTH];
	if (sends)
		return send(forth[1], "all of it", LENGTH, 0) == LENGTH ? 0 : 3;
	return recv(forth[0], bytes, LENGTH, MSG_WAITALL) == LENGTH ? 0 : 5;
}

static int edges(int sends, int waits)
{
	char bytes[LENGTH];
	int count = 0;
	ssize_t length;
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	if (!sends) {
		while ((length = read(forth[0], bytes, LENGTH)) > 0)
			count += length;
		return count == MESSAGES * LENGTH ? 0 : 5;
	}
	fcntl(forth[1], F_SETFL, O_NONBLOCK);
	int instance = epoll_create1(0);
	epoll_ctl(instance, EPOLL_CTL_ADD, forth[1], &event);
	while (count < MESSAGES) {
		if (epoll_wait(instance, &event, 1, -1) != 1)
			return 3;
		while (count < MESSAGES && (length = write(forth[1], "edges!!!", LENGTH)) == LENGTH)
			count++;
		if (length < 0 && errno == EAGAIN && !waits)
			count++;
		else if (length < 0 && errno != EAGAIN)
			return 4;
	}
	return 0;
}

/* Writes until there is no room, and waits for the edge (epoll(7)). */
static int edge(int sends)
{
	return edges(sends, 1);
}

/* Takes what found no room for sent. */
static int edge_lost(int sends)
{
	return edges(sends, 0);
}

static void in_order(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	disordered |= info->si_value.sival_int != next++;
}

/* Real-time signals of one number come in the order in which they were sent (signal(7)). */
static int real_time(int sends)
{
	sigset_t mask;
	char byte;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigdelset(&mask, SIGRTMIN);
	if (!sends) {
		if (write(forth[1], "r", 1) != 1)
			return 3;
		while (next <= MESSAGES)
			sigsuspend(&mask);
		return disordered ? 4 : 0;
	}
	if (read(forth[0], &byte, 1) != 1)
		return 5;
	for (int i = 1; i <= MESSAGES; i++)
		sigqueue(getppid(), SIGRTMIN, (union sigval){ .sival_int = i });
	return 0;
}

static void note(int signal)
{
	(void)signal;
	got = 1;
	sem_post(&taken);
}

/* What a process sends itself has come when the call is over (kill(2)). */
static int raises(int sends)
{
	if (sends)
		return 0;
	raise(SIGUSR1);
	return got ? 0 : 3;
}

static void *reads_byte(void *unused)
{
	char byte;
	return read(forth[0], &byte, 1) == 1 ? unused : NULL;
}

static void *waits(void *unused)
{
	while (sem_wait(&taken))
		;
	return unused;
}

/* Any thread takes a signal that was sent to the process, even if one has ended meanwhile. */
static int any_thread(int sends)
{
	pthread_t one, other;
	sigset_t mask;
	char byte;
	if (sends) {
		if (read(back[0], &byte, 1) != 1)
			return 3;
		kill(getppid(), SIGUSR1);
		return write(forth[1], "b", 1) == 1 ? 0 : 4;
	}
	pthread_create(&one, NULL, reads_byte, NULL);
	pthread_create(&other, NULL, waits, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	if (write(back[1], "r", 1) != 1)
		return 5;
	pthread_join(one, NULL);
	pthread_join(other, NULL);
	return got ? 0 : 6;
}

/* Takes a signal for faster than a message that is sent after it. */
static int late_signal(int sends)
{
	char byte;
	if (sends) {
		kill(getppid(), SIGUSR1);
		return write(forth[1], "b", 1) == 1 ? 0 : 3;
	}
	while (read(forth[0], &byte, 1) != 1)
		;
	return got ? 0 : 4;
}

/* No handler runs that could interrupt it (signal(7)). */
static int undisturbed(int sends)
{
	char byte;
	if (sends)
		return write(forth[1], "u", 1) == 1 ? 0 : 3;
	return read(forth[0], &byte, 1) == 1 ? 0 : 4;
}

/* The same, with a handler. */
static int disturbed(int sends)
{
	signal(SIGUSR1, note);
	siginterrupt(SIGUSR1, 1);
	return undisturbed(sends);
}

static const struct {
	const char *name;
	int (*body)(int sends);
	int flags;   /* of the pipe, or -1 for a socket */
	int catches;
} programs[] = {
	{ "packets", packets, O_DIRECT, 0 },
	{ "elements", elements, 0, 0 },
	{ "impatient", impatient, 0, 0 },
	{ "short_read", short_read, 0, 0 },
	{ "all", all, -1, 0 },
	{ "edge", edge, 0, 0 },
	{ "edge_lost", edge_lost, 0, 0 },
	{ "real_time", real_time, 0, 1 },
	{ "raises", raises, 0, 1 },
	{ "any_thread", any_thread, 0, 1 },
	{ "late_signal", late_signal, 0, 1 },
	{ "undisturbed", undisturbed, 0, 0 },
	{ "disturbed", disturbed, 0, 0 },
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count == 2 && i < sizeof programs / sizeof *programs; i++) {
		if (strcmp(programs[i].name, arguments[1]))
			continue;
		int status, flags = programs[i].flags;
		if (flags < 0 ? socketpair(AF_UNIX, SOCK_STREAM, 0, forth) : pipe2(forth, flags))
			return 90;
		if (pipe(back) || sem_init(&taken, 0, 0))
			return 91;
		if (programs[i].catches) {
			struct sigaction ordered = { .sa_sigaction = in_order, .sa_flags = SA_SIGINFO | SA_RESTART };
			sigset_t mask;
			sigemptyset(&mask);
			sigaddset(&mask, SIGRTMIN);
			sigprocmask(SIG_BLOCK, &mask, NULL);
			sigaction(SIGRTMIN, &ordered, NULL);
			signal(SIGUSR1, note);
		}
		pid_t child = fork();
		if (!child) {
			if (programs[i].body != real_time && programs[i].body != any_thread)
				close(forth[0]);
			_exit(programs[i].body(1));
		}
		if (programs[i].body != real_time)
			close(forth[1]);
		int found = programs[i].body(0);
		if (waitpid(child, &status, 0) != child || status)
			return 92;
		return found;
	}
	return 93;
}
