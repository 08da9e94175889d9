#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    int there[2], back[2];
    char message[8];
    if (pipe(there) || pipe(back))
        return 1;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 5; i++)
            if (read(there[0], message, 8) != 8 || write(back[1], message, 8) != 8)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 5; i++)
        if (write(there[1], "message", 8) != 8 || read(back[0], message, 8) != 8)
            return 1;
    return waitpid(child, NULL, 0) != child;
}
