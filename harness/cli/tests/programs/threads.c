/*
 * Programs with threads, chosen by the first argument. `memory` uses private memory in every way
 * that watching it could disturb, from a second thread, and prints what it finds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

static volatile int flag, other_flag;
static volatile unsigned long count;
static int global = 5;
static int table[3000];
static __thread int own = 1;
static sigjmp_buf back;
static volatile int *shared;
static char shared_words[1];

static void check(const char *what, int holds)
{
	printf("%s: %s\n", what, holds ? "yes" : "no");
}

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static int faults(volatile char *at)
{
	if (sigsetjmp(back, 1))
		return 1;
	*at = 1;
	return 0;
}

static void of_allocator(void)
{
	char *kept[60];
	int same = 1;
	for (int i = 0; i < 60; i++) {
		kept[i] = malloc(37 * i + 1);
		memset(kept[i], i, 37 * i + 1);
		if (i % 3 == 0)
			kept[i] = realloc(kept[i], 91 * i + 1);
	}
	for (int i = 0; i < 60; i++) {
		same &= kept[i][0] == (char)i && kept[i][37 * i] == (char)i;
		free(kept[i]);
	}
	check("small blocks keep their bytes", same);
	char *large = malloc(160 << 10);
	memset(large, 3, 160 << 10);
	large = realloc(large, 400 << 10);
	check("a large block moves", large[(160 << 10) - 1] == 3);
	free(large);
	int *zeros = calloc(40000, sizeof *zeros);
	same = 1;
	for (int i = 0; i < 40000; i += 500)
		same &= zeros[i] == 0;
	check("calloc gives zeros", same);
	free(zeros);
	char *before = sbrk(3 * PAGE);
	check("the heap grows", before != (void *)-1 && before[2 * PAGE] == 0);
	before[2 * PAGE] = 1;
	sbrk(-2 * PAGE);
	before = sbrk(2 * PAGE);
	check("what was given back is empty", before[PAGE] == 0);
}

static void of_mappings(void)
{
	char *area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 7, 8 * PAGE);
	madvise(area + PAGE, PAGE, MADV_DONTNEED);
	check("memory that is not needed is empty", area[PAGE] == 0 && area[2 * PAGE] == 7);
	check("memory can be freed lazily", madvise(area + 2 * PAGE, PAGE, MADV_FREE) == 0);
	mprotect(area + 3 * PAGE, PAGE, PROT_NONE);
	check("what is protected faults", faults(area + 3 * PAGE));
	mprotect(area + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	check("and keeps its bytes", area[3 * PAGE] == 7 && !faults(area + 3 * PAGE));
	munmap(area + 5 * PAGE, PAGE);
	check("what is gone faults", faults(area + 5 * PAGE));
	area = mremap(area, 5 * PAGE, 4 * PAGE, 0);
	check("a mapping shrinks", area != MAP_FAILED && area[PAGE * 4 - 1] == 7);
	char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);
	mprotect(code, PAGE, PROT_READ | PROT_EXEC);
	check("code that was written runs", ((int (*)(void))code)() == 42);
}

static void of_the_kernel(void)
{
	struct utsname *name = malloc(sizeof *name);
	check("uname writes to the heap", uname(name) == 0 && strcmp(name->sysname, "Linux") == 0);
	struct rlimit *limit = malloc(sizeof *limit);
	check("getrlimit does", getrlimit(RLIMIT_NOFILE, limit) == 0 && limit->rlim_cur > 0);
	int *ends = malloc(2 * sizeof *ends);
	check("pipe does", pipe(ends) == 0 && ends[1] > ends[0]);
	struct iovec *parts = malloc(2 * sizeof *parts);
	parts[0] = (struct iovec){ "hel", 3 };
	parts[1] = (struct iovec){ "lo", 3 };
	check("writev reads vectors there", writev(ends[1], parts, 2) == 6);
	char *text = malloc(10);
	check("read puts bytes there", read(ends[0], text, 10) == 6 && strcmp(text, "hello") == 0);
	sigset_t *set = malloc(sizeof *set);
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	check("masks are read there", pthread_sigmask(SIG_BLOCK, set, NULL) == 0);
	raise(SIGUSR1);
	check("and written", sigpending(set) == 0 && sigismember(set, SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	struct rusage *usage = malloc(sizeof *usage);
	check("usage is told", getrusage(RUSAGE_SELF, usage) == 0);
}

static void on_signal(int signal)
{
	(void)signal;
	char here;
	flag = (uintptr_t)&here != 0;
}

static void of_signals(void)
{
	/* More than the heap of a thread has at first: it lies in several mappings. */
	size_t size = 192 << 10;
	stack_t stack = { .ss_sp = malloc(size), .ss_size = size };
	sigaltstack(&stack, NULL);
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	sigaction(SIGUSR2, &action, NULL);
	flag = 0;
	raise(SIGUSR2);
	check("a handler has its stack on the heap", flag == 1);
}

static void of_processes(int *heap)
{
	pid_t child = fork();
	if (child == 0) {
		global = 7;
		heap[0] = 9;
		own = 4;
		char *more = malloc(200000);
		memset(more, 1, 200000);
		_exit(global == 7 && heap[0] == 9 && heap[1] == 2 && own == 4 ? 0 : 1);
	}
	int status = -1;
	waitpid(child, &status, 0);
	check("a child has a copy", status == 0);
	check("the parent keeps its own", global == 5 && heap[0] == 1 && own == 3);
	check("programs are started", system("exit 3") == 3 << 8);
}

static void of_instructions(void)
{
	for (int i = 0; i < 3000; i++)
		table[i] = i;
	int *copy = malloc(sizeof table);
	memcpy(copy, table, sizeof table);
	memmove(copy + 1, copy, sizeof table - sizeof *copy);
	check("blocks are copied", copy[0] == 0 && copy[1] == 0 && copy[2999] == 2998);
	unsigned char *to = malloc(64);
	const void *from = table;
	void *end = to;
	size_t left = 64;
	__asm__ volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(left) : : "memory");
	check("and by string instructions", memcmp(to, table, 64) == 0);
	__atomic_fetch_add(&global, 1, __ATOMIC_SEQ_CST);
	int expected = 6;
	check("atomically", __atomic_compare_exchange_n(&global, &expected, 5, 0, __ATOMIC_SEQ_CST,
							__ATOMIC_SEQ_CST) && global == 5);
	double *sums = malloc(8 * sizeof *sums);
	for (int i = 0; i < 8; i++)
		sums[i] = i / 2.0;
	check("as vectors", sums[7] + sums[6] == 6.5);
}

static void *use_memory(void *heap)
{
	own = 3;
	signal(SIGSEGV, on_fault);
	of_allocator();
	of_mappings();
	of_the_kernel();
	of_signals();
	of_processes(heap);
	of_instructions();
	return heap;
}

static void *end_at_once(void *nothing)
{
	return nothing;
}

static void *count_far(void *nothing)
{
	while (count < 1000)
		count++;
	flag = 1;
	return nothing;
}

static void *wait_first(void *nothing)
{
	while (!flag)
		;
	other_flag = 1;
	return nothing;
}

static void *add(void *nothing)
{
	count++;
	return nothing;
}

static void *add_locked(void *nothing)
{
	__atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
	return nothing;
}

/* Reads the time between accesses to a page of its own; whether the time has gone back. */
static void *keep_time(void *page)
{
	volatile int *mine = page;
	struct timespec now, last = {0, 0};
	for (int round = 0; round < 200; round++) {
		mine[round]++;
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
		if (now.tv_sec < last.tv_sec ||
		    (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec))
			return page;
		last = now;
	}
	return NULL;
}

static void *fail(void *nothing)
{
	abort();
	return nothing;
}

static void *add_shared(void *unused)
{
	++*shared;
	return unused;
}

/* Of two threads that store each and then load what the other has stored, one meets it, unless both
 * stores wait. */
static void *cross_shared(void *unused)
{
	shared[0] = 1;
	return shared[16] != 0 ? shared_words : unused;
}

static void *cross_back(void *unused)
{
	shared[16] = 1;
	return shared[0] != 0 ? shared_words : unused;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int *heap = malloc(2 * sizeof *heap);
	heap[0] = 1;
	heap[1] = 2;
	pthread_t thread, second;
	if (strcmp(mode, "memory") == 0) {
		setvbuf(stdout, NULL, _IOFBF, 1 << 16);
		pthread_create(&thread, NULL, use_memory, heap);
		pthread_join(thread, NULL);
		check("the first thread is untouched", own == 1);
	} else if (strcmp(mode, "computes") == 0) {
		/* Alone again, for longer than a loop that waits is given. */
		pthread_create(&thread, NULL, end_at_once, NULL);
		pthread_join(thread, NULL);
		while (count < 60000000)
			count++;
	} else if (strcmp(mode, "late") == 0) {
		pthread_create(&thread, NULL, count_far, NULL);
		while (!flag)
			;
		pthread_join(thread, NULL);
	} else if (strcmp(mode, "never") == 0) {
		pthread_create(&thread, NULL, wait_first, NULL);
		while (!other_flag)
			;
		flag = 1;
		pthread_join(thread, NULL);
	} else if (strcmp(mode, "adds") == 0 || strcmp(mode, "adds locked") == 0) {
		void *(*adds)(void *) = strcmp(mode, "adds") == 0 ? add : add_locked;
		pthread_create(&thread, NULL, adds, NULL);
		pthread_create(&second, NULL, adds, NULL);
		pthread_join(thread, NULL);
		pthread_join(second, NULL);
		return count != 2;
	} else if (strcmp(mode, "adds shared") == 0 || strcmp(mode, "crosses shared") == 0) {
		int kind = MAP_SHARED | MAP_ANONYMOUS;
		shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, kind, -1, 0);
		int adds = strcmp(mode, "adds shared") == 0;
		void *first = NULL, *other = NULL;
		pthread_create(&thread, NULL, adds ? add_shared : cross_shared, NULL);
		first = (adds ? add_shared : cross_back)(NULL);
		pthread_join(thread, &other);
		return adds ? *shared != 2 : first == NULL && other == NULL;
	} else if (strcmp(mode, "time") == 0) {
		static int pages[3 * PAGE / sizeof(int)];
		void *back, *mine = pages + PAGE / sizeof(int);
		pthread_create(&thread, NULL, keep_time, pages + 2 * PAGE / sizeof(int));
		int goes_back = keep_time(mine) != NULL;
		pthread_join(thread, &back);
		return goes_back || back != NULL;
	} else if (strcmp(mode, "ended") == 0) {
		/* A child ends, whose signal is ignored, while a thread does. */
		pthread_create(&thread, NULL, end_at_once, NULL);
		pid_t child = fork();
		if (child == 0)
			_exit(0);
		flag = 1;
		pthread_join(thread, NULL);
		return flag != 1 || waitpid(child, NULL, 0) != child;
	} else if (strcmp(mode, "continued") == 0) {
		/* The same of another process's signal. */
		pid_t child = fork();
		if (child == 0) {
			pthread_create(&thread, NULL, end_at_once, NULL);
			pthread_join(thread, NULL);
			_exit(0);
		}
		kill(child, SIGCONT);
		int status;
		waitpid(child, &status, 0);
		return status != 0;
	} else if (strcmp(mode, "leaves") == 0) {
		pthread_create(&thread, NULL, fail, NULL);
	} else {
		count++;
	}
	return 0;
}
