/* A message queue: whole messages wait, each with a type that receivers select by. */
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>

struct message {
	long type;
	char text[16];
};

int main(void)
{
	int queue = msgget(IPC_PRIVATE, 0600);
	struct message message;
	int n;

	if (fork() == 0) {
		for (n = 0; n < 3; n++)
			msgrcv(queue, &message, sizeof message.text, n == 0 ? 2 : 0, 0);
		_exit(0);
	}
	message = (struct message){1, "first order"};
	msgsnd(queue, &message, strlen(message.text), 0);
	message = (struct message){2, "urgent"};
	msgsnd(queue, &message, strlen(message.text), 0);
	message = (struct message){1, "last order"};
	msgsnd(queue, &message, strlen(message.text), 0);
	wait(0);
	msgctl(queue, IPC_RMID, 0);
	return 0;
}
