/* A child works for a millisecond, which it sleeps, and then signals its parent. That tests whether
 * it has, starts a helper, and pauses: the signal is lost if it comes between. By whichever call the
 * child sleeps, others may be slow meanwhile. naps BY */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t got;

static void note(int signal) {
    (void)signal;
    got = 1;
}

static void nap(const char *by) {
    struct timespec span = {.tv_nsec = 1000000};
    struct timeval value = {.tv_usec = 1000};
    fd_set none;
    sigset_t mask;
    FD_ZERO(&none);
    sigemptyset(&mask);
    if (!strcmp(by, "nanosleep")) nanosleep(&span, 0);
    if (!strcmp(by, "select")) select(0, 0, 0, 0, &value);
    if (!strcmp(by, "select-none")) select(3, &none, 0, 0, &value);
    if (!strcmp(by, "pselect")) pselect(5, 0, 0, 0, &span, 0);
    if (!strcmp(by, "poll")) poll(0, 0, 1);
    if (!strcmp(by, "ppoll")) ppoll(0, 0, &span, 0);
    if (!strcmp(by, "ppoll-mask")) ppoll(0, 0, &span, &mask);
}

int main(int count, char **words) {
    pid_t parent = getpid();
    if (count < 2) return 2;
    signal(SIGUSR1, note);
    if (fork() == 0) {
        nap(words[1]);
        kill(parent, SIGUSR1);
        _exit(0);
    }
    if (!got) {
        if (fork() == 0) _exit(0);
        wait(0);
        pause();
    }
    while (wait(0) > 0) {}
    return 0;
}
