/* Steps on descriptors, whatever is behind them. */
#include "calls.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <asm/sockios.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <signal.h>

static char bytes[1 << 17];

static long taken(long count)
{
	for (long at = 0; at < count && at < 8; at++)
		see(bytes[at]);
	return count;
}

static int look(int file)
{
	struct stat data = { 0 };
	int result = fstat(file, &data);
	see(S_ISDIR(data.st_mode) ? 0 : data.st_size);
	see((long)data.st_nlink);
	see(data.st_mode);
	see((long)data.st_ino);
	see_times(&data);
	return result;
}

static int lock(int file, int command, int type)
{
	struct flock one = { .l_type = (short)type, .l_len = 4 };
	int result = fcntl(file, command, &one);
	if (command == F_GETLK || command == F_OFD_GETLK) {
		see(one.l_type);
		see(one.l_pid);
	}
	return result;
}

static int ready(int file, int events)
{
	struct pollfd one = { .fd = file, .events = (short)events };
	int result = poll(&one, 1, 0);
	see(one.revents);
	return result;
}

static int selected(int file)
{
	struct timeval none = { 0, 0 };
	fd_set set;
	if (file < 0)
		return 0;
	FD_ZERO(&set);
	FD_SET(file, &set);
	return select(file + 1, &set, NULL, NULL, &none);
}

static int watch(int instance, int file)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	return epoll_ctl(instance, EPOLL_CTL_ADD, file, &event);
}

static int watched(int instance)
{
	struct epoll_event event = { 0 };
	int result = epoll_wait(instance, &event, 1, 0);
	see(event.events);
	return result;
}

static int signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

static int waiting(int file)
{
	int count = 0;
	int result = ioctl(file, FIONREAD, &count);
	see(count);
	return result;
}

int on_descriptor(const char *step, const char *of)
{
	int *at = &slot[(int)of[0]], file = *at;

	STEP("null", *at = open("/dev/null", O_RDWR))
	STEP("zero", *at = open("/dev/zero", O_RDWR))
	STEP("eventfd", *at = eventfd(0, EFD_NONBLOCK))
	STEP("memfd", *at = memfd_create("m", MFD_ALLOW_SEALING))
	STEP("epoll", *at = epoll_create1(0))
	STEP("inotify", *at = inotify_init1(IN_NONBLOCK))
	STEP("signalfd", *at = signals())
	STEP("read", taken(read(file, bytes, 1)))
	STEP("read.full", taken(read(file, bytes, 1 << 16)))
	STEP("read.8", taken(read(file, bytes, 8)))
	STEP("write", write(file, "x", 1))
	STEP("write.8", write(file, "\1\0\0\0\0\0\0\0", 8))
	STEP("write.4096", write(file, bytes, 4096))
	STEP("write.full", write(file, bytes, 1 << 16))
	STEP("pread", taken(pread(file, bytes, 1, 2)))
	STEP("pwrite", pwrite(file, "p", 1, 2))
	STEP("lseek", lseek(file, 0, SEEK_SET))
	STEP("lseek.end", lseek(file, 0, SEEK_END))
	STEP("lseek.data", lseek(file, 0, SEEK_DATA))
	STEP("lseek.hole", lseek(file, 0, SEEK_HOLE))
	STEP("ftruncate.4", ftruncate(file, 4))
	STEP("ftruncate.16", ftruncate(file, 16))
	STEP("fallocate", fallocate(file, 0, 8, 16))
	STEP("punch", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4))
	STEP("fstat", look(file))
	STEP("fchmod", fchmod(file, 0755))
	STEP("close", close(file))
	STEP("close.all", close_range(3, ~0U, 0))
	STEP("dup", *at = dup(file))
	STEP("getfd", fcntl(file, F_GETFD))
	STEP("getfl", fcntl(file, F_GETFL))
	STEP("setfl.block", fcntl(file, F_SETFL, 0))
	STEP("setfl.append", fcntl(file, F_SETFL, O_APPEND | O_NONBLOCK))
	STEP("fionbio", ioctl(file, FIONBIO, &(int){ 1 }))
	STEP("fionread", waiting(file))
	STEP("pipe.size", fcntl(file, F_SETPIPE_SZ, 4096))
	STEP("pipe.asked", fcntl(file, F_GETPIPE_SZ))
	STEP("lease", fcntl(file, F_SETLEASE, F_RDLCK))
	STEP("async", ioctl(file, FIOASYNC, &(int){ 1 }))
	STEP("setown.ioctl", ioctl(file, FIOSETOWN, &first))
	STEP("setown", fcntl(file, F_SETOWN, first))
	STEP("lock.r", lock(file, F_SETLK, F_RDLCK))
	STEP("lock.w", lock(file, F_SETLK, F_WRLCK))
	STEP("lock.wait", lock(file, F_SETLKW, F_WRLCK))
	STEP("lock.un", lock(file, F_SETLK, F_UNLCK))
	STEP("lock.get", lock(file, F_GETLK, F_WRLCK))
	STEP("ofd.w", lock(file, F_OFD_SETLK, F_WRLCK))
	STEP("ofd.un", lock(file, F_OFD_SETLK, F_UNLCK))
	STEP("ofd.get", lock(file, F_OFD_GETLK, F_WRLCK))
	STEP("flock.s", flock(file, LOCK_SH | LOCK_NB))
	STEP("flock.x", flock(file, LOCK_EX | LOCK_NB))
	STEP("flock.wait", flock(file, LOCK_EX))
	STEP("flock.un", flock(file, LOCK_UN))
	STEP("seal.write", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE))
	STEP("seal.shrink", fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK))
	STEP("seal.seal", fcntl(file, F_ADD_SEALS, F_SEAL_SEAL))
	STEP("seals", fcntl(file, F_GET_SEALS))
	STEP("poll.r", ready(file, POLLIN))
	STEP("poll.w", ready(file, POLLOUT))
	STEP("select", selected(file))
	STEP("epoll.wait", watched(file))
	return 0;
}

int on_pair(const char *step, const char *of)
{
	const struct iovec vector = { bytes, 3 };
	int one = slot[(int)of[0]], *other = &slot[of[0] ? (int)of[1] : 0];
	char name[2] = { of[0] ? of[1] : 0, 0 };

	STEP("copy", copy_file_range(one, NULL, *other, NULL, 4, 0))
	STEP("sendfile", sendfile(*other, one, NULL, 4))
	STEP("splice", splice(one, NULL, *other, NULL, 4, SPLICE_F_NONBLOCK))
	STEP("tee", tee(one, *other, 4, SPLICE_F_NONBLOCK))
	STEP("vmsplice", vmsplice(one, &vector, 1, SPLICE_F_NONBLOCK))
	STEP("dup2", dup2(one, *other))
	STEP("epoll.add", watch(one, *other))
	STEP("inotify.add", inotify_add_watch(one, name, IN_ALL_EVENTS))
	return 0;
}
