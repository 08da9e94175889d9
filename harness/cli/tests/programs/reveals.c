// Reveals what a program can know of itself right after it has been loaded. Its constructor
// asks for what differs from run to run and keeps it, or a part of it, as its argument says.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static char kept[4096];
static char *heap;

static void keep(const char *name, unsigned long long value) {
    size_t used = strlen(kept);
    snprintf(kept + used, sizeof kept - used, "%s %llu\n", name, value);
}

// Is there a service? Its socket is open while the run gives an answer.
static int serves(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int failed = connect(end, (struct sockaddr *)&address, sizeof address);
    for (int i = 0; i < 20; i++) access("/etc/passwd", R_OK);
    close(end);
    return !failed;
}

static void handler(int signal) { (void)signal; }

__attribute__((constructor)) static void start(int count, char **arguments) {
    const char *mode = count > 1 ? arguments[1] : "";
    struct timespec now;
    struct timeval calendar;
    struct stat status;
    unsigned char random[16];
    // So that loading takes a number of calls.
    for (int i = 0; i < 20; i++) {
        int file = open("/etc/passwd", O_RDONLY);
        if (file < 0 || read(file, random, sizeof random) < 0 || close(file)) exit(9);
    }
    heap = malloc(200000);
    memset(heap, 'h', 200000);
    if (!strcmp(mode, "service")) {
        keep("service", serves("/var/run/nscd/socket"));
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!strcmp(mode, "nanoseconds")) keep("now", now.tv_sec * 1000000000ull + now.tv_nsec);
    if (!strcmp(mode, "seconds")) keep("now", now.tv_sec);
    if (!strcmp(mode, "milliseconds")) keep("now", now.tv_nsec / 1000000);
    gettimeofday(&calendar, NULL);
    if (!strcmp(mode, "calendar")) keep("calendar", calendar.tv_sec % 100 * 1000000 + calendar.tv_usec);
    if (!strcmp(mode, "counter")) keep("counter", __rdtsc());
    if (!strcmp(mode, "time")) keep("time", time(NULL));
    if (!strcmp(mode, "parent")) keep("parent", getppid());
    if (fstat(1, &status)) exit(9);
    if (!strcmp(mode, "size")) keep("size", status.st_size);
    if (!strcmp(mode, "number")) keep("number", status.st_ino);
    if (!strcmp(mode, "position")) keep("position", lseek(1, 0, SEEK_CUR));
    if (getrandom(random, sizeof random, 0) != sizeof random) exit(9);
    for (int i = 0; i < 20; i++) {
        int file = open("settings", O_RDONLY);
        if (file < 0) continue;
        char text[16] = "";
        if (read(file, text, 15) < 0 || close(file)) exit(9);
        if (i == 19) keep("settings", atoi(text));
    }
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
}

static int show(const char *path) {
    char text[8192];
    int file = open(path, O_RDONLY);
    if (file < 0) return 1;
    for (ssize_t length; (length = read(file, text, sizeof text)) > 0;)
        if (write(1, text, length) != length) return 1;
    return close(file);
}

int main(int count, char **arguments) {
    struct sigaction action;
    struct timespec now;
    unsigned char random[4];
    void *list;
    size_t size;
    printf("%s%d %d %d\n", kept, count, getpid(), getppid());
    int lowest = dup(0);
    printf("%d\n", lowest);
    close(lowest);
    printf("%ld %s\n", syscall(SYS_gettid), count > 2 ? arguments[2] : "");
    for (int signal = 1; signal < 32; signal++)
        if (!sigaction(signal, NULL, &action) && action.sa_handler != SIG_DFL)
            printf("%d %p\n", signal, (void *)action.sa_handler);
    printf("%p %p %p %c\n", (void *)heap, sbrk(0), malloc(100), heap[199999]);
    syscall(SYS_get_robust_list, 0, &list, &size);
    printf("%p %zu %lx\n", list, size, getauxval(AT_PHDR));
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (getrandom(random, sizeof random, 0) != sizeof random) return 9;
    printf("%ld.%09ld %llu %02x%02x %f\n", now.tv_sec, now.tv_nsec, (unsigned long long)__rdtsc(),
           random[0], random[3], 1.0 / count);
    fflush(stdout);
    return show("/proc/self/maps");
}
