/*
 * Does what its arguments say, a call or two each, on a file F or process N:
 *
 * files     r:F looks at F, w:F changes its length, both by name; i:F reads from it,
 *           a:F appends to it; c:F makes the directory F unless it is there, u:F removes
 *           it, s:F looks whether it is there, three times at most if it is not with g:F;
 *           m:F renames F to F.new, H:F links F to F.too
 *           J:F asks for the number of links of F, and notes it, L:F for its length by a
 *           descriptor, V:F for the permissions; C:F changes these, X:F executes F; R:F
 *           opens F for reading and W:F for writing, before 3: reads a byte there, 4:
 *           writes one, 5: goes back to the start, 6: closes it; T:F empties F, K:F removes
 *           it; G:F goes into the directory F, P: asks where that is
 * locks     l:F opens F and locks it, x: gives the lock up; b:F opens F and locks a byte
 * FIFOs     p:F makes the FIFO F, o:F opens it for reading, O:F for writing, n:F without
 *           waiting, B:F for both; then 1: writes a byte to it and 0: reads one
 * signals   k:N kills process N, t:N asks it to end, S:N sends it SIGUSR1; h: handles that,
 *           z: waits for it, Z: ignores it, U: blocks it and A: no longer, I: asks whether it
 *           waits
 * System V  q: creates the queue of key 7, Q: removes it, y: sends a message, Y: receives
 *           one; v: adds one to the semaphore of key 8, d: takes one, e: takes one and
 *           wants it given back at the end
 * queues    M: sends to the POSIX queue /m, N: receives from it, without waiting
 * sockets   D:F receives datagrams at F, E:F sends one there
 * memory    +:F adds one to the first word of F, which it maps
 * processes f: forks a child for the next step, j: waits for a child
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int locked = -1, fifo = -1;

/* Makes visible what a call has written into memory. */
static void note(long value)
{
	fsync(1000 + (int)value);
}

static int file = -1;

static void on_inode(char step, const char *name)
{
	struct stat data = { 0 };
	char byte = 0;
	switch (step) {
	case 'J':
		if (stat(name, &data) == 0)
			note((long)data.st_nlink);
		break;
	case 'L':
		if (fstat(file, &data) == 0)
			note((long)data.st_size * 8 + (long)data.st_nlink);
		break;
	case 'V':
		if (stat(name, &data) == 0)
			note(data.st_mode & 0777);
		break;
	case 'C':
		(void)!chmod(name, 0755);
		break;
	case 'X':
		execl(name, name, (char *)NULL);
		break;
	case 'R':
		file = open(name, O_RDONLY);
		break;
	case 'W':
		file = open(name, O_WRONLY);
		break;
	case '3':
		if (read(file, &byte, 1) == 1)
			note(byte);
		break;
	case '4':
		(void)!write(file, "y", 1);
		break;
	case '5':
		lseek(file, 0, SEEK_SET);
		break;
	case '6':
		close(file);
		break;
	case 'T':
		close(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700));
		break;
	case 'K':
		unlink(name);
		break;
	case 'G':
		(void)!chdir(name);
		break;
	case 'P': {
		char path[4096];
		(void)!getcwd(path, sizeof path);
		break;
	}
	}
}

static void on_signal(char step)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	switch (step) {
	case 'Z':
		signal(SIGUSR1, SIG_IGN);
		break;
	case 'U':
		sigprocmask(SIG_BLOCK, &set, &old);
		break;
	case 'A':
		sigprocmask(SIG_UNBLOCK, &set, &old);
		break;
	case 'I':
		sigpending(&old);
		note(sigismember(&old, SIGUSR1) * 2 + sigismember(&old, SIGCHLD));
		break;
	}
}

static void ignore(int signal)
{
	(void)signal;
}

static void on_file(char step, const char *name)
{
	struct stat data;
	char other[256], word[8];
	int file;
	switch (step) {
	case 'r':
		(void)!stat(name, &data);
		break;
	case 'w':
		(void)!truncate(name, 8);
		break;
	case 'i':
		file = open(name, O_RDONLY);
		(void)!read(file, word, sizeof word);
		break;
	case 'a':
		file = open(name, O_WRONLY | O_APPEND);
		(void)!write(file, "x", 1);
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
	case 'm':
		snprintf(other, sizeof other, "%s.new", name);
		(void)!rename(name, other);
		break;
	case 'H':
		snprintf(other, sizeof other, "%s.too", name);
		(void)!link(name, other);
		break;
	case 'l':
		locked = open(name, O_RDWR);
		flock(locked, LOCK_EX);
		break;
	case 'x':
		flock(locked, LOCK_UN);
		break;
	case 'b': {
		struct flock byte = { .l_type = F_WRLCK, .l_len = 1 };
		file = open(name, O_RDWR);
		fcntl(file, F_SETLKW, &byte);
		break;
	}
	}
}

static void on_fifo(char step, const char *name)
{
	char byte = 'x';
	switch (step) {
	case 'p':
		(void)!mkfifo(name, 0600);
		break;
	case 'o':
		fifo = open(name, O_RDONLY);
		break;
	case 'O':
		fifo = open(name, O_WRONLY);
		break;
	case 'n':
		fifo = open(name, O_WRONLY | O_NONBLOCK);
		break;
	case 'B':
		fifo = open(name, O_RDWR);
		break;
	case '1':
		(void)!write(fifo, &byte, 1);
		break;
	case '0':
		(void)!read(fifo, &byte, 1);
		break;
	}
}

static void on_process(char step, int process)
{
	sigset_t none;
	switch (step) {
	case 'k':
		kill(process, SIGKILL);
		break;
	case 't':
		kill(process, SIGTERM);
		break;
	case 'S':
		kill(process, SIGUSR1);
		break;
	case 'h':
		signal(SIGUSR1, ignore);
		break;
	case 'z':
		sigemptyset(&none);
		sigsuspend(&none);
		break;
	case 'j':
		wait(NULL);
		break;
	}
}

static void on_system_v(char step)
{
	struct { long kind; char text[8]; } message = { .kind = 1 };
	struct sembuf change = { .sem_op = step == 'v' ? 1 : -1 };
	change.sem_flg = step == 'e' ? SEM_UNDO : 0;
	switch (step) {
	case 'q':
		msgget(7, IPC_CREAT | 0600);
		break;
	case 'Q':
		msgctl(msgget(7, 0600), IPC_RMID, NULL);
		break;
	case 'y':
		msgsnd(msgget(7, IPC_CREAT | 0600), &message, sizeof message.text, 0);
		break;
	case 'Y':
		msgrcv(msgget(7, IPC_CREAT | 0600), &message, sizeof message.text, 0, 0);
		break;
	default:
		semop(semget(8, 1, IPC_CREAT | 0600), &change, 1);
	}
}

static void on_others(char step, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct mq_attr few = { .mq_maxmsg = 2, .mq_msgsize = 8 };
	char text[8] = "";
	int *word, file;
	mqd_t queue;
	strncpy(address.sun_path, name, sizeof address.sun_path - 1);
	switch (step) {
	case 'M':
	case 'N':
		queue = mq_open("/m", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &few);
		if (step == 'M')
			mq_send(queue, text, sizeof text, 0);
		else
			mq_receive(queue, text, sizeof text, NULL);
		break;
	case 'D':
		file = socket(AF_UNIX, SOCK_DGRAM, 0);
		bind(file, (struct sockaddr *)&address, sizeof address);
		(void)!recv(file, text, sizeof text, MSG_DONTWAIT);
		break;
	case 'E':
		file = socket(AF_UNIX, SOCK_DGRAM, 0);
		sendto(file, text, 1, 0, (struct sockaddr *)&address, sizeof address);
		break;
	case '+':
		file = open(name, O_RDWR);
		word = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		if (word != MAP_FAILED)
			*(volatile int *)word = *(volatile int *)word + 1;
		break;
	}
}

static void perform(const char *argument)
{
	char step = argument[0];
	const char *name = argument + 2;
	if (strchr("rwiacusgmHlxb", step))
		on_file(step, name);
	else if (strchr("poOnB10", step))
		on_fifo(step, name);
	else if (strchr("ktShzj", step))
		on_process(step, atoi(name));
	else if (strchr("qQyYvde", step))
		on_system_v(step);
	else if (strchr("JLVCXRW3456TKGP", step))
		on_inode(step, name);
	else if (strchr("ZUAI", step))
		on_signal(step);
	else
		on_others(step, name);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != 'f')
			perform(argv[i]);
		else if (i + 1 < argc && fork() == 0) {
			perform(argv[i + 1]);
			_exit(0);
		} else
			i++;
	}
	_exit(0);
}
