/* A child makes an IPC namespace of its own and a queue in it; both end with it. With a word, its
 * parent leaves a queue in that of the run, and the child removes its own. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
    (void)words;
    if (fork() == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWIPC)) _exit(9);
        int queue = msgget(5, IPC_CREAT | 0600);
        if (queue < 0) _exit(8);
        _exit(count > 1 && msgctl(queue, IPC_RMID, 0) ? 7 : 0);
    }
    int status = 0;
    wait(&status);
    if (count > 1 && msgget(6, IPC_CREAT | 0600) < 0) return 6;
    return WEXITSTATUS(status);
}
