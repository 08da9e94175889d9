/* Takes the steps that the arguments name, in several processes and threads: calls.h. */
#include "calls.h"
#include <pthread.h>

int slot[128];
char *memory[128];
pid_t first;

static char *program;
static unsigned long seen;

long see(long value)
{
	seen = seen * 31 + (unsigned long)value + 1;
	return value;
}

long see_result(long result)
{
	return see(result == -1 ? -errno : result);
}

void leave(void)
{
	syscall(SYS_exit_group, seen & 0x7fffffff);
}

/* Executes the program anew, for the steps up to the end of these. */
static void execute(char **steps, const char *end)
{
	char **last = steps;
	while (*last && strcmp(*last, end) != 0)
		last++;
	*last = NULL;
	*steps = program;
	execv(program, steps);
}

static void take(const char *argument)
{
	const char *colon = strchr(argument, ':');
	char step[32], of[8] = "";
	snprintf(step, sizeof step, "%.*s", (int)strcspn(argument, ":"), argument);
	if (colon)
		snprintf(of, sizeof of, "%s", colon + 1);
	if (!(on_name(step, of) || on_descriptor(step, of) || on_pair(step, of) ||
	      on_socket(step, of) || on_system_v(step, of) || on_queue(step, of) ||
	      on_memory(step, of) || on_process(step, of) || on_signal(step, of))) {
		fprintf(stderr, "there is no step %s\n", argument);
		abort();
	}
}

/* Takes steps up to the one that ends them. */
static void take_until(char **steps, const char *end)
{
	for (; *steps && strcmp(*steps, end) != 0; steps++)
		if (strcmp(*steps, "exec") == 0)
			execute(steps, end);
		else
			take(*steps);
}

static void *thread(void *steps)
{
	take_until(steps, "]");
	return NULL;
}

static char **behind(char **steps, const char *end)
{
	while (strcmp(*steps, end) != 0)
		steps++;
	return steps;
}

int main(int argc, char **argv)
{
	pthread_t other;
	(void)argc;
	program = argv[0];
	first = getpid();
	memset(slot, -1, sizeof slot);
	for (char **step = argv + 1; *step; step++) {
		if (strcmp(*step, "(") == 0) {
			if (fork() == 0) {
				take_until(step + 1, ")");
				leave();
			}
			step = behind(step, ")");
		} else if (strcmp(*step, "[") == 0) {
			pthread_create(&other, NULL, thread, step + 1);
			step = behind(step, "]");
		} else if (strcmp(*step, "exec") == 0) {
			execute(step, "");
		} else {
			take(*step);
		}
	}
	leave();
}
