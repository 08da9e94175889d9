/* Stores that wait in store buffers, where something else happens to them or to their task: a
 * child stores, the parent sees the result. Each mode ends with status 0 on an x86 processor. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <emmintrin.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 12288, PAGE = 4096, MANY = 200 };

/* Three pages of shared memory, a second mapping of them, and one that can only be read. */
static char *memory, *second, *readable;
static volatile int *word;

static volatile int *at(char *place)
{
	return (volatile int *)place;
}

/* The own store is seen through another mapping of the memory, whatever may be done there. */
static int alias(void)
{
	word[0] = 1;
	return *at(second) != 1 || *at(readable) != 1;
}

/* A store over the end of a page, read in part. */
static int straddle(void)
{
	*(volatile long *)(memory + PAGE - 4) = 0x1122334455667788;
	return *at(memory + PAGE - 4) != 0x55667788 || *at(memory + PAGE) != 0x11223344;
}

/* Over both edges of shared memory that lies within private memory. */
static int edges(void)
{
	char *all = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap(all + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (int edge = PAGE; edge <= 2 * PAGE; edge += PAGE) {
		volatile long *over = (volatile long *)(all + edge - 4);
		*over = 0x1122334455667788;
		__asm__ volatile("addq $1, %0\n\tlock addq $1, %0" : "+m"(*over));
		if (*over != 0x112233445566778a)
			return 1;
	}
	return 0;
}

static int vector(void)
{
	_mm_storeu_si128((__m128i *)(memory + 64), _mm_set1_epi32(4));
	_mm_storeu_si128((__m128i *)(memory + 128), _mm_loadu_si128((__m128i *)(memory + 64)));
	*(volatile char *)(memory + 64) = 1;
	_mm_storeu_si128((__m128i *)(memory + 192), _mm_loadu_si128((__m128i *)(memory + 64)));
	return *at(memory + 140) != 4 || *at(memory + 192) != 1;
}

static int string(void)
{
	char own[300], *to = memory + 256, *from = own;
	long count = sizeof own;
	memset(own, 7, sizeof own);
	word[0] = 1;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	return memory[555] != 7;
}

/* Load and store in one instruction. */
static int update(void)
{
	__asm__ volatile("addl $5, %0" : "+m"(word[0]));
	__asm__ volatile("decl %0\n\tnegl %0\n\tlock addl $1, %1" : "+m"(word[0]), "+m"(word[16]));
	return word[0] != -4 || word[16] != 1;
}

static int many(void)
{
	int wrong = 0;
	for (int i = 0; i < MANY; i++)
		word[i] = i + 1;
	for (int i = 0; i < MANY; i++)
		wrong |= word[i] != i + 1;
	return wrong;
}

/* A thread's stores leave its buffer before another one takes the memory away. */
static void *stores(void *own)
{
	*at(own) = 5;
	word[0] = 1;
	while (!word[16])
		;
	return NULL;
}

static int threads(void)
{
	pthread_t thread;
	char *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_create(&thread, NULL, stores, own);
	while (!word[0])
		;
	int wrong = *at(own) != 5;
	munmap(own, PAGE);
	word[16] = 1;
	return pthread_join(thread, NULL) || wrong;
}

/* The parent takes the page away meanwhile. */
static int loses(void)
{
	__asm__ volatile("movq $1, %0\n\taddq $1, %0" : "+m"(*(volatile long *)(memory + 2 * PAGE)));
	word[32] = word[16];
	return 0;
}

/* What has been stored before the page is taken away is lost with it. */
static void take(int file, int whole)
{
	word[16] = 1;
	if (whole)
		ftruncate(file, 2 * PAGE);
	else
		fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE, PAGE);
}

static void *rests(void *unused)
{
	pause();
	return unused;
}

/* The dynamic loader sees what the allocator has stored for it, and stores behind that. */
static int library(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, rests, NULL);
	return !dlopen("libgcc_s.so.1", RTLD_NOW);
}

static int executes(void)
{
	word[0] = 3;
	execl("/bin/true", "true", NULL);
	return 1;
}

/* What a process has stored is there when it has been killed. */
static int dies(void)
{
	word[0] = 3;
	word[16] = 1;
	while (!word[32])
		pause();
	return 1;
}

static void on_signal(int signal)
{
	(void)signal;
	word[32] = word[0];
}

static int signalled(void)
{
	word[0] = 9;
	word[16] = 1;
	while (!word[32])
		;
	return word[32] != 9;
}

/* So much work follows the store that the engine gives up following it. */
static int works(void)
{
	size_t (*volatile length)(const char *) = strlen;
	word[0] = 1;
	for (int i = 0; i < 2000; i++)
		length("of a text");
	word[32] = word[16];
	return 0;
}

static const struct {
	const char *name;
	int (*child)(void);
	int left; /* in the first word */
} modes[] = {
	{ "alias", alias, 1 },	   { "straddle", straddle, 0 },	 { "vector", vector, 0 },
	{ "string", string, 1 },   { "update", update, -4 },	 { "many", many, 1 },
	{ "threads", threads, 1 }, { "executes", executes, 3 },	 { "dies", dies, 3 },
	{ "works", works, 1 },	   { "signalled", signalled, 9 }, { "edges", edges, 0 },
	{ "library", library, 0 }, { "cut", loses, 0 },		 { "hole", loses, 0 },
};

int main(int count, char **arguments)
{
	int file = memfd_create("memory", 0);
	if (count != 2 || ftruncate(file, SIZE))
		return 90;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	second = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	readable = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, file, 0);
	word = at(memory);
	signal(SIGUSR1, on_signal);
	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(arguments[1], modes[i].name))
			continue;
		pid_t child = fork();
		if (!child)
			_exit(modes[i].child());
		int status = 0;
		if (modes[i].child == works) {
			word[16] = 1;
			word[48] = word[0];
		}
		if (modes[i].child == dies || modes[i].child == signalled) {
			while (!word[16])
				;
			kill(child, modes[i].child == dies ? SIGKILL : SIGUSR1);
		}
		int whole = !strcmp(arguments[1], "cut");
		if (modes[i].child == loses)
			take(file, whole);
		waitpid(child, &status, 0);
		int is_right = modes[i].child == dies ? WIFSIGNALED(status) : !status;
		if (modes[i].child == loses)
			is_right = whole || word[32] || !*at(memory + 2 * PAGE);
		return !is_right || word[0] != modes[i].left;
	}
	return 91;
}
