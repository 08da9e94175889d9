/* One process writes a file and then another one; a second process writes a third file. When both
 * have ended, their parent learns which came when: by the times of the files, or because it has
 * watched them. Ends with 1 if the third was written between the two others. between MODE */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void change(const char *name) {
    int file = open(name, O_WRONLY);
    if (file < 0 || write(file, "x", 1) != 1) _exit(2);
    close(file);
}

static long long changed(const char *name) {
    struct stat status;
    if (stat(name, &status)) _exit(3);
    return status.st_mtim.tv_sec * 1000000000LL + status.st_mtim.tv_nsec;
}

int main(int count, char **words) {
    int watches = count > 1 && !strcmp(words[1], "watched"), queue = -1;
    const char *names[] = {"first", "third", "second"};
    for (int i = 0; i < 3; i++) close(open(names[i], O_CREAT | O_WRONLY, 0600));
    if (watches) {
        queue = inotify_init1(IN_NONBLOCK);
        inotify_add_watch(queue, ".", IN_MODIFY);
    }
    if (fork() == 0) {
        change("first");
        change("second");
        _exit(0);
    }
    if (fork() == 0) {
        change("third");
        _exit(0);
    }
    while (wait(0) > 0) {}
    if (!watches) return changed("first") < changed("third") && changed("third") < changed("second");
    char told[4096] __attribute__((aligned(8))), order[4] = "";
    long length = read(queue, told, sizeof told);
    for (long at = 0, n = 0; at < length && n < 3; n++) {
        struct inotify_event *event = (struct inotify_event *)(told + at);
        order[n] = event->name[0] == 't' ? '3' : event->name[0] == 'f' ? '1' : '2';
        at += sizeof *event + event->len;
    }
    return !strcmp(order, "132");
}
