/* Two tasks store a word each and then load the other's (the litmus test SB). Between the two, one
 * of them makes a call instead of a fence: exits with 1 if both have loaded what was before. With the
 * first argument "threads" they are threads, else the other one is a process, which has used the
 * second page of a file before if it is "used". The second argument names the call. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, HOLE = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };

static volatile long *words;
static volatile char *file_pages;
static char *own, *none;
static char path[] = "pages";
static int file;
static long loaded;

static void call(const char *name)
{
	if (!strcmp(name, "shorter"))
		ftruncate(file, PAGE);
	else if (!strcmp(name, "shorter-by-name"))
		truncate(path, PAGE);
	else if (!strcmp(name, "emptied"))
		close(open(path, O_RDWR | O_TRUNC));
	else if (!strcmp(name, "longer"))
		ftruncate(file, 4 * PAGE);
	else if (!strcmp(name, "hole"))
		fallocate(file, HOLE, PAGE, PAGE);
	else if (!strcmp(name, "hole-in-page"))
		fallocate(file, HOLE, PAGE, 64);
	else if (!strcmp(name, "removed"))
		madvise((char *)file_pages + PAGE, PAGE, MADV_REMOVE);
	else if (!strcmp(name, "map"))
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	else if (!strcmp(name, "map-over"))
		mmap(own, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	else if (!strcmp(name, "unmap"))
		munmap(own, PAGE);
	else if (!strcmp(name, "protect"))
		mprotect(own, PAGE, PROT_READ);
	else if (!strcmp(name, "permit"))
		mprotect(none, PAGE, PROT_READ | PROT_WRITE);
	else if (!strcmp(name, "free"))
		madvise(own, PAGE, MADV_DONTNEED);
	else if (!strcmp(name, "advise"))
		madvise(own, PAGE, MADV_WILLNEED);
	else if (!strcmp(name, "barrier"))
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	else if (!strcmp(name, "fork") && !fork())
		_exit(0);
}

static void store_and_load(void)
{
	words[0] = 1;
	loaded = words[8];
}

static void *other_thread(void *unused)
{
	store_and_load();
	return unused;
}

int main(int count, char **arguments)
{
	if (count != 3)
		return 90;
	int rights = PROT_READ | PROT_WRITE;
	words = mmap(NULL, PAGE, rights, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	own = mmap(NULL, PAGE, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	own[0] = 1;
	long before;
	if (!strcmp(arguments[1], "threads")) {
		pthread_t thread;
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
		pthread_create(&thread, NULL, other_thread, NULL);
		words[8] = 1;
		call(arguments[2]);
		before = words[0];
		pthread_join(thread, NULL);
		return !before && !loaded;
	}
	file = open(path, O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, 3 * PAGE))
		return 91;
	file_pages = mmap(NULL, 3 * PAGE, rights, MAP_SHARED, file, 0);
	pid_t child = fork();
	if (!child) {
		if (!strcmp(arguments[1], "used"))
			(void)file_pages[PAGE];
		store_and_load();
		_exit(loaded);
	}
	words[8] = 1;
	call(arguments[2]);
	before = words[0];
	int status = 0;
	waitpid(child, &status, 0);
	return !before && WIFEXITED(status) && !WEXITSTATUS(status);
}
