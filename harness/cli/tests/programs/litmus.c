/* A litmus test: its argument is the program of each process, separated by `|`, as
 *
 *     x=1;r0=y|y=1;r0=x
 *
 * v=N a store, rN=v a load, v~N an exchange, rN=v~M an exchange that loads, v+N a locked
 * addition, v:N an addition that is not locked, rN=v?M a comparison with 0 that exchanges and
 * loads and is not locked, v%N a non-temporal store, mf sf lf fences, cp
 * cpuid, sy a system call. A variable is x, y, z or w, four bytes; x.b and x.h are its second
 * byte, and its lower half. Registers keep the two lowest bits of the first two bytes, by
 * exclusive or.
 * Prints the registers of each process and what is left in the variables.
 *
 * With a second argument, the processes begin at the same time and perform the test so many times;
 * prints each line once that this processor has shown. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum what { STORE, LOAD, EXCHANGE, ADD, PLAIN_ADD, COMPARE, STREAM, MFENCE, SFENCE, LFENCE, CPUID, CALL };
enum { MOST = 8, PROCESSES = 4, REGISTERS = 4, VARIABLES = 4, LINES = 4096, LATE = 512, PATIENCE = 10000 };

struct operation {
	enum what what;
	int width;    /* bytes */
	int variable;
	int value;
	int target;   /* a register, or -1 */
};

struct shared {
	struct { int value; int other[15]; } variable[VARIABLES], result[PROCESSES], arrived;
};

static struct operation program[PROCESSES][MOST];
static int lengths[PROCESSES];
static int processes;

static int variable(const char **at, int *width)
{
	int found = (int)(strchr("xyzw", *(*at)++) - "xyzw");
	*width = 4;
	if (**at == '.') {
		*width = (*at)[1] == 'b' ? 1 : 2;
		*at += 2;
	}
	return found;
}

static struct operation operation(const char **at)
{
	struct operation made = { .target = -1, .width = 4 };
	static const char *const fences[] = { "mf", "sf", "lf", "cp", "sy" };
	for (int i = 0; i < 5; i++)
		if (!strncmp(*at, fences[i], 2)) {
			*at += 2;
			made.what = MFENCE + i;
			return made;
		}
	if (**at == 'r') {
		made.target = (*at)[1] - '0';
		*at += 3;
		made.what = LOAD;
		made.variable = variable(at, &made.width);
		if (**at != '~' && **at != '?')
			return made;
	} else {
		made.variable = variable(at, &made.width);
	}
	switch (*(*at)++) {
	case '=': made.what = STORE; break;
	case '~': made.what = EXCHANGE; break;
	case '+': made.what = ADD; break;
	case ':': made.what = PLAIN_ADD; break;
	case '?': made.what = COMPARE; break;
	case '%': made.what = STREAM; break;
	default: exit(90);
	}
	made.value = (int)strtol(*at, (char **)at, 10);
	return made;
}

static void parse(const char *text)
{
	for (const char *at = text; *at; ) {
		if (*at == ';') {
			at++;
		} else if (*at == '|') {
			at++;
			processes++;
		} else {
			program[processes][lengths[processes]++] = operation(&at);
		}
	}
	processes++;
}

static int run(struct shared *shared, const struct operation *operations, int length)
{
	int registers[REGISTERS] = { 0 };
	for (const struct operation *o = operations; o < operations + length; o++) {
		int *word = &shared->variable[o->variable].value;
		char *byte = (char *)word + 1;
		int value = o->value, a = 0, c = 0;
		switch (o->what) {
		case STORE:
			if (o->width == 1)
				__asm__ volatile("movb %b1, %0" : "=m"(*byte) : "q"(value));
			else if (o->width == 2)
				__asm__ volatile("movw %w1, %0" : "=m"(*(short *)word) : "r"(value));
			else
				__asm__ volatile("movl %1, %0" : "=m"(*word) : "r"(value));
			break;
		case LOAD:
			if (o->width == 1)
				__asm__ volatile("movzbl %1, %0" : "=r"(value) : "m"(*byte));
			else if (o->width == 2)
				__asm__ volatile("movzwl %1, %0" : "=r"(value) : "m"(*(short *)word));
			else
				__asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*word));
			registers[o->target] = (value ^ value >> 8) & 3;
			break;
		case EXCHANGE:
			__asm__ volatile("xchgl %1, %0" : "+m"(*word), "+r"(value));
			if (o->target >= 0)
				registers[o->target] = value & 3;
			break;
		case ADD: __asm__ volatile("lock addl %1, %0" : "+m"(*word) : "r"(value)); break;
		case PLAIN_ADD: __asm__ volatile("addl %1, %0" : "+m"(*word) : "r"(value)); break;
		case COMPARE:
			__asm__ volatile("cmpxchgl %2, %0" : "+m"(*word), "+a"(a) : "r"(value));
			registers[o->target] = a & 3;
			break;
		case STREAM: __asm__ volatile("movnti %1, %0" : "=m"(*word) : "r"(value)); break;
		case MFENCE: __asm__ volatile("mfence" ::: "memory"); break;
		case SFENCE: __asm__ volatile("sfence" ::: "memory"); break;
		case LFENCE: __asm__ volatile("lfence" ::: "memory"); break;
		case CPUID: __asm__ volatile("cpuid" : "+a"(a), "+c"(c) :: "rbx", "rdx", "memory"); break;
		case CALL: getppid(); break;
		}
	}
	/* Values are less than 4. */
	return registers[0] | registers[1] << 2 | registers[2] << 4 | registers[3] << 6;
}

static int print(const struct shared *shared, char *line)
{
	int length = 0;
	for (int i = 0; i < processes; i++)
		length += sprintf(line + length, "%d ", shared->result[i].value);
	for (int i = 0; i < VARIABLES; i++)
		length += sprintf(line + length, "%x%c", shared->variable[i].value, i < 3 ? ' ' : '\n');
	return length;
}

/* Waits until all processes have come here so many times. */
static void meet(struct shared *shared, int times)
{
	__atomic_fetch_add(&shared->arrived.value, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; __atomic_load_n(&shared->arrived.value, __ATOMIC_SEQ_CST) < times * processes; )
		if (i++ > PATIENCE)
			sched_yield();
}

static void repeat(struct shared *shared, int number, int runs)
{
	static char lines[LINES][64];
	int known = 0;
	cpu_set_t own;
	CPU_ZERO(&own);
	CPU_SET(number % sysconf(_SC_NPROCESSORS_ONLN), &own);
	sched_setaffinity(0, sizeof own, &own);
	for (int i = 0; i < runs; i++) {
		meet(shared, 2 * i + 1);
		/* A little later than the others, now this one and now that one. */
		for (int wait = i / LATE % processes == number ? i % LATE : 0; wait > 0; wait--)
			__asm__ volatile("");
		shared->result[number].value = run(shared, program[number], lengths[number]);
		meet(shared, 2 * i + 2);
		if (number > 0)
			continue;
		char line[64];
		int at = 0, length = print(shared, line);
		while (at < known && strcmp(lines[at], line))
			at++;
		if (at == known && known < LINES) {
			strcpy(lines[known++], line);
			if (write(1, line, (size_t)length) != length)
				_exit(92);
		}
		for (int v = 0; v < VARIABLES; v++)
			shared->variable[v].value = 0;
	}
}

int main(int count, char **arguments)
{
	if (count != 2 && count != 3)
		return 91;
	parse(arguments[1]);
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Each is the parent of the next, so that no two compete for one parent. */
	pid_t child = 0;
	int number = 0;
	while (number < processes - 1 && !(child = fork()))
		number++;
	if (count == 3)
		repeat(shared, number, atoi(arguments[2]));
	else
		shared->result[number].value = run(shared, program[number], lengths[number]);
	if (child)
		waitpid(child, NULL, 0);
	if (number > 0)
		_exit(0);
	if (count == 3)
		return 0;
	char line[64];
	int length = print(shared, line);
	return write(1, line, (size_t)length) != length;
}
