/* A process looks four times, without waiting, whether its epoll instance has an event: a counter
   that it shares with its child, which counts. Exits with the first time that it had. */
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int main(void)
{
	int counter = eventfd(0, 0);
	if (fork() == 0) {
		uint64_t one = 1;
		_exit(write(counter, &one, sizeof one) != sizeof one);
	}
	int instance = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	epoll_ctl(instance, EPOLL_CTL_ADD, counter, &event);
	for (int time = 0; time < 4; time++)
		if (epoll_wait(instance, &event, 1, 0) == 1)
			_exit(time);
	_exit(4);
}
