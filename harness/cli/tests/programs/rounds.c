/* A process does the same some times and then something else, while its child does what that depends
 * on. "list": it looks for a file in three directories, then reads another, which the child replaces:
 * ends with the number that it reads, 1 or 2. Else it tries so many times for a semaphore that the
 * child has, and gives up: ends with 1, or else with 2. "waits": it counts how often it tries, and does
 * not give up. "forever": it waits for a file that never comes, while its child does something else. "hurries": it
 * waits for the semaphore for twenty microseconds. */
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void put(const char *name, const char *text) {
    int file = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (file < 0 || write(file, text, 1) != 1) _exit(3);
    close(file);
}

static int list(void) {
    char name[16], read_first = 0;
    put("one", "1");
    put("other", "2");
    if (fork() == 0) _exit(rename("other", "one"));
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "missing%d", i);
        open(name, O_RDONLY);
    }
    int file = open("one", O_RDONLY);
    if (read(file, &read_first, 1) != 1) return 4;
    wait(0);
    return read_first - '0';
}

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

/* It tries so often, or for so many nanoseconds, if that is not 0. */
static int tries(long most, long time) {
    sem_t *free = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (free == MAP_FAILED || sem_init(free, 1, 1)) return 5;
    if (fork() == 0) {
        sem_wait(free);
        put("held", "x");
        sem_post(free);
        _exit(0);
    }
    int has = 0;
    volatile long tried = 0;
    long began = time ? now() : 0;
    if (time)
        while (!has && now() - began < time) has = !sem_trywait(free);
    else if (most < 0)
        for (; !has; tried++) has = !sem_trywait(free);
    else
        for (; tried < most && !has; tried++) has = !sem_trywait(free);
    if (has) sem_post(free);
    wait(0);
    return has ? 2 : 1;
}

static int forever(void) {
    if (fork() == 0) {
        put("another", "x");
        _exit(0);
    }
    while (access("missing", F_OK)) sched_yield();
    return 2;
}

int main(int count, char **words) {
    if (count < 2) return 6;
    if (!strcmp(words[1], "list")) return list();
    if (!strcmp(words[1], "forever")) return forever();
    if (!strcmp(words[1], "hurries")) return tries(0, 20000);
    return tries(strcmp(words[1], "waits") ? atol(words[1]) : -1, 0);
}
