/*
 * Calls write(2) three functions deep, the innermost one in a shared library if
 * LIBRARY or CALLER is given: the tests of symbols name its lines.
 */
#include <unistd.h>

void innermost(const char *text);

#ifndef CALLER
__attribute__((noinline)) void innermost(const char *text)
{
	if (write(1, text, 2) != 2) /* line 12 */
		_exit(3);
	__asm__ volatile("");
}
#endif

#ifndef LIBRARY
__attribute__((noinline)) static void middle(const char *text)
{
	innermost(text); /* line 21 */
	__asm__ volatile("");
}

int main(void)
{
	middle("x\n"); /* line 27 */
	return 0;
}
#endif

#ifdef CHANGES
#include <sys/mman.h>

/* Changes a file that was there before, and touches memory that may be shared. */
__attribute__((constructor)) static void change(void)
{
	int *shared = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || truncate(CHANGES, 3) == -1)
		_exit(4);
	*(volatile int *)shared = 1;
}
#endif
