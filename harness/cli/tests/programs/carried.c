/* Two processes at a pseudoterminal, in which nothing races: a line is sent and answered again and
 * again. A thread of the kernel carries what is written. What the side for programs prints is left
 * as it is: else the end of a line would arrive apart from it now and then. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { LINES = 6, LENGTH = 4 };

int main(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master)) return 2;
    int side = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct termios settings;
    if (tcgetattr(side, &settings)) return 3;
    settings.c_lflag &= ~ECHO;
    settings.c_oflag &= ~OPOST;
    if (tcsetattr(side, TCSANOW, &settings)) return 4;
    int elsewhere = open("/dev/null", O_WRONLY);
    char line[32];
    if (fork() == 0) {
        close(master);
        for (int i = 0; i < LINES; i++) {
            if (read(side, line, sizeof line) != LENGTH) _exit(5);
            if (write(side, line, LENGTH) != LENGTH) _exit(6);
            /* A call that writes follows, or another one. */
            if (i % 2 && write(elsewhere, line, LENGTH) != LENGTH) _exit(7);
        }
        _exit(0);
    }
    close(side);
    for (int i = 0; i < LINES; i++) {
        if (write(master, "abc\n", LENGTH) != LENGTH) return 8;
        if (read(master, line, sizeof line) != LENGTH) return 9;
    }
    int status = 0;
    wait(&status);
    return status != 0;
}
