/* A process waits that inherits the children of others. Its child ends, whose own child has ended
 * before and has not been asked for: the child comes first, since it is older, and both are there at
 * once. heir HOW, by which the child ends */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
    const char *how = count > 1 ? words[1] : "";
    if (prctl(PR_SET_CHILD_SUBREAPER, 1)) return 2;
    pid_t child = fork();
    if (child == 0) {
        siginfo_t told;
        if (fork() == 0) _exit(0);
        if (waitid(P_ALL, 0, &told, WEXITED | WNOWAIT)) _exit(3);
        if (!strcmp(how, "signal")) raise(SIGTERM);
        if (!strcmp(how, "killed")) {
            pid_t own = getpid();
            if (fork() == 0) _exit(kill(own, SIGKILL));
            pause();
        }
        _exit(0);
    }
    pid_t first = wait(0);
    while (wait(0) > 0) {}
    return first != child;
}
