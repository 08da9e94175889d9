/* What the kernel answers about files and mappings: file_answers MODE. Exits with status 0 if the
 * answers are right. */
#define _GNU_SOURCE
#include "answers.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void wrong_remapping(void) {
	size_t page = sysconf(_SC_PAGESIZE);
	int file = memfd_create("x", 0);
	demand(file >= 0 && ftruncate(file, 4 * page) == 0);
	char *at = mmap(0, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	demand(at != MAP_FAILED);
	char *shared = mmap(at, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
	demand(shared == at);
	shared[0] = 'a';
	shared[page] = 'b';
#define is_wrong(address, size, rights, number) \
	demand(syscall(SYS_remap_file_pages, address, size, rights, number, 0) == -1 && errno == EINVAL)
	is_wrong(shared, page, PROT_READ, 1);
	is_wrong(shared, 5 * page, 0, 1);
	is_wrong(shared, 0, 0, 1);
	is_wrong(shared, page, 0, -1L);
	is_wrong(shared + 5 * page, page, 0, 0);
	demand(mprotect(shared + 2 * page, page, PROT_READ) == 0);
	is_wrong(shared, 3 * page, 0, 1);
	demand(shared[0] == 'a' && shared[page] == 'b');
}

static struct stat after(int file, int seconds) {
	struct stat told;
	sleep(seconds);
	demand(fstat(file, &told) == 0);
	return told;
}

/* Exits unless times of a file, in seconds, are so much later than before. */
static void later(struct stat before, struct stat now, int read, int written) {
	demand(now.st_atime - before.st_atime == read);
	demand(now.st_mtime - before.st_mtime == written);
	demand(now.st_ctime - before.st_ctime == written);
}

static void mapped_times(void) {
	char name[] = "mappedXXXXXX";
	size_t page = sysconf(_SC_PAGESIZE);
	int file = mkstemp(name);
	demand(file >= 0 && ftruncate(file, 2 * page) == 0 && unlink(name) == 0);
	struct stat first = after(file, 0);
	sleep(1);
	volatile char *at = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	demand(at != MAP_FAILED);
	later(first, after(file, 1), 1, 0);
	/* So often that a page is left to its process. */
	for (int i = 0; i < 100; i++)
		demand(at[i] == 0);
	later(first, after(file, 1), 1, 0);
	at[0] = 1;
	later(first, after(file, 1), 1, 3);
	for (int i = 0; i < 100; i++)
		at[i] = 2;
	later(first, after(file, 1), 1, 3);
	at[page] = 1;
	later(first, after(file, 1), 1, 5);
	demand(msync((void *)at, 2 * page, MS_SYNC) == 0);
	demand(at[0] == 2);
	later(first, after(file, 1), 1, 5);
	at[0] = 3;
	later(first, after(file, 1), 1, 7);
	demand(munmap((void *)at, 2 * page) == 0);
	at = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	demand(at != MAP_FAILED);
	at[page] = 4;
	later(first, after(file, 1), 8, 8);
	int zeros = open("/dev/zero", O_RDONLY);
	demand(read(zeros, (void *)at, 5) == 5);
	later(first, after(file, 1), 8, 9);
	if (!fork()) {
		at[page] = 5;
		_exit(0);
	}
	wait(0);
	later(first, after(file, 0), 8, 10);
}

static void used_up_addresses(void) {
	int count = 0;
	while (mmap(0, 8UL << 30, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) !=
	       MAP_FAILED)
		demand(++count < 1 << 20);
	demand(errno == ENOMEM && count > 8);
	while (mmap(0, 8UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) !=
	       MAP_FAILED)
		demand(++count < 1 << 20);
	demand(errno == ENOMEM);
}

static char lock_name[] = "lockXXXXXX";
static int lock_file;
static volatile pid_t waiter;

/* Returns the state of a thread (proc_pid_stat(5)). */
static char state_of(pid_t thread) {
	char name[64], state = 0;
	sprintf(name, "/proc/self/task/%d/stat", thread);
	FILE *stat = fopen(name, "r");
	demand(stat && fscanf(stat, "%*d %*s %c", &state) == 1);
	fclose(stat);
	return state;
}

static void *wait_for_lock(void *unused) {
	waiter = gettid();
	demand(flock(lock_file, LOCK_EX) == 0);
	return unused;
}

/* A thread waits for a lock by a descriptor that another one closes, and whose number another file
 * gets: it waits for the lock of the file that it had open, and has it for no time. */
static void closed_lock(void) {
	char name[32];
	pthread_t thread;
	int holder = mkstemp(lock_name), other = memfd_create("x", 0), late;
	demand(holder >= 0 && flock(holder, LOCK_EX) == 0);
	lock_file = open(lock_name, O_RDWR);
	demand(lock_file >= 0 && pthread_create(&thread, 0, wait_for_lock, 0) == 0);
	while (!waiter || state_of(waiter) != 'S')
		usleep(10000);
	demand(dup2(other, lock_file) == lock_file && unlink(lock_name) == 0);
	sleep(1);
	demand(flock(holder, LOCK_UN) == 0 && pthread_join(thread, 0) == 0);
	demand(flock(holder, LOCK_EX | LOCK_NB) == 0);
	sprintf(name, "/proc/self/fd/%d", other);
	late = open(name, O_RDWR);
	demand(late >= 0 && flock(late, LOCK_EX | LOCK_NB) == 0);
}

/* A file of the machine, opened before anything that others could notice, is this run's own. */
static void opened_before(void) {
	int status, file = open("/bin/sh", O_RDONLY);
	char byte;
	demand(file >= 0 && read(file, &byte, 1) == 1);
	pid_t child = fork();
	if (!child)
		_exit(0);
	demand(waitpid(child, &status, 0) == child && status == 0);
	demand(lseek(file, 0, SEEK_CUR) == 1 && !(fcntl(file, F_GETFL) & O_NONBLOCK));
	demand(fcntl(file, F_SETFL, O_NONBLOCK) == 0 && flock(file, LOCK_EX | LOCK_NB) == 0);
	demand(lseek(file, 7, SEEK_SET) == 7 && close(file) == 0);
	child = fork();
	if (!child)
		_exit(flock(open("/bin/sh", O_RDONLY), LOCK_EX | LOCK_NB) != 0);
	demand(waitpid(child, &status, 0) == child && status == 0);
}

int main(int count, char **words) {
	static const struct mode modes[] = {
		{"wrong_remapping", wrong_remapping}, {"mapped_times", mapped_times},
		{"used_up_addresses", used_up_addresses}, {"closed_lock", closed_lock},
		{"opened_before", opened_before},
	};
	return check_mode(modes, sizeof modes / sizeof *modes, count, words);
}
