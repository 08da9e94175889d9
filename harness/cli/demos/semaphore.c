/* A semaphore: a number that nobody can take below zero. Two workers, one may enter. */
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf take = {0, -1, SEM_UNDO}, give = {0, +1, SEM_UNDO};
	int n;

	semctl(set, 0, SETVAL, 1);
	for (n = 0; n < 2; n++)
		if (fork() == 0) {
			semop(set, &take, 1);
			/* Only one of the two is ever here. */
			sleep(1);
			semop(set, &give, 1);
			_exit(0);
		}
	wait(0);
	wait(0);
	semctl(set, 0, IPC_RMID);
	return 0;
}
