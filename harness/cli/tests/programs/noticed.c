/* A child changes something of a file, and the parent asks for it: nothing orders them. Ends with 0
 * if the parent came first, with 1 if the child did. noticed MODE */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char name[] = "user.crosswire";

int main(int count, char **words) {
    const char *mode = count > 1 ? words[1] : "";
    int file = open("noticed", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    char value[8];
    int was_first = 0;
    if (!strcmp(mode, "removed") && setxattr("noticed", name, "v", 1, 0)) return 3;
    /* A read lease is for files that are open for writing nowhere. */
    close(file);
    pid_t child = fork();
    if (child == 0) {
        if (!strcmp(mode, "set") || !strcmp(mode, "made") || !strcmp(mode, "listed"))
            setxattr("noticed", name, "v", 1, 0);
        if (!strcmp(mode, "removed")) removexattr("noticed", name);
        if (!strcmp(mode, "leased")) {
            signal(SIGIO, SIG_IGN);
            fcntl(open("noticed", O_RDONLY), F_SETLEASE, F_RDLCK);
            pause();
        }
        _exit(0);
    }
    if (!strcmp(mode, "set")) was_first = getxattr("noticed", name, value, sizeof value) < 0;
    if (!strcmp(mode, "made")) was_first = !setxattr("noticed", name, "w", 1, XATTR_CREATE);
    if (!strcmp(mode, "listed")) was_first = llistxattr("noticed", 0, 0) == 0;
    if (!strcmp(mode, "removed")) was_first = lgetxattr("noticed", name, value, sizeof value) == 1;
    if (!strcmp(mode, "leased")) {
        was_first = open("noticed", O_WRONLY | O_NONBLOCK) >= 0;
        kill(child, SIGKILL);
    }
    wait(0);
    return !was_first;
}
