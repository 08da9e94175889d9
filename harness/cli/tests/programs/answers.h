/* What programs share that check answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define demand(condition) do { \
	if (!(condition)) { fprintf(stderr, "not so: %s, errno %d\n", #condition, errno); exit(1); } \
} while (0)

struct mode {
	const char *name;
	void (*check)(void);
};

/* Runs the mode that the command line names. */
static int check_mode(const struct mode *modes, size_t number, int count, char **words) {
	for (size_t i = 0; count == 2 && i < number; i++)
		if (!strcmp(modes[i].name, words[1])) {
			modes[i].check();
			return 0;
		}
	return 2;
}
