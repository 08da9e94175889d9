/* Code in shared memory, very many mappings, and a very large one. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char *map(size_t size, int protection)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
	return mmap(NULL, size, protection, flags, -1, 0);
}

int main(void)
{
	/* mov eax,7; ret */
	static const unsigned char seven[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	unsigned char *code = map(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	int status;
	memcpy(code, seven, sizeof seven);
	if (fork() == 0)
		_exit(((int (*)(void))code)());
	wait(&status);
	for (int i = 0; i < 10000; i++) {
		unsigned char *page = map(4096, PROT_READ | PROT_WRITE);
		if (page == MAP_FAILED)
			return 2;
		if (i % 1000 == 0)
			*page = 1;
	}
	unsigned char *large = map(1UL << 30, PROT_READ | PROT_WRITE);
	if (large == MAP_FAILED)
		return 3;
	large[123456789] = 1;
	printf("%d %d\n", WEXITSTATUS(status), large[123456789]);
	return 0;
}
