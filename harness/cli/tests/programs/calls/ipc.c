/* Steps on System V objects, POSIX queues, shared memory and futexes. */
#include "calls.h"
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

/* The key of a letter. */
static key_t key(const char *of)
{
	return 1000 + of[0];
}

static long queue_state(int id, int command)
{
	struct msqid_ds data = { 0 };
	struct msginfo info = { 0 };
	int sums = command == MSG_INFO;
	long result = msgctl(id, command, sums ? (struct msqid_ds *)&info : &data);
	see(sums ? info.msgmap : (long)data.msg_qnum);
	see(sums ? info.msgpool : data.msg_lspid);
	return result;
}

static long sent(int id)
{
	const struct { long kind; char text[4]; } message = { 1, "sv" };
	return msgsnd(id, &message, sizeof message.text, IPC_NOWAIT);
}

static long received(int id, int flags)
{
	struct { long kind; char text[4]; } message;
	return msgrcv(id, &message, sizeof message.text, 0, flags);
}

static int change(int id, int by, int flags)
{
	struct sembuf operation = { .sem_op = (short)by, .sem_flg = (short)flags };
	return semop(id, &operation, 1);
}

static long memory_state(int id, int command)
{
	union { struct shmid_ds data; struct shm_info info; } told;
	long result;
	memset(&told, 0, sizeof told);
	result = shmctl(id, command, &told.data);
	see(command == SHM_INFO ? told.info.used_ids : (int)told.data.shm_nattch);
	return result;
}

static int attach(const char *of)
{
	void *at = shmat(slot[(int)of[0]], NULL, 0);
	if (at == (void *)-1)
		return -1;
	memory[(int)of[0]] = at;
	return 0;
}

int on_system_v(const char *step, const char *of)
{
	int *at = &slot[(int)of[0]], id = *at;

	STEP("msgget", *at = msgget(key(of), IPC_CREAT | 0600))
	STEP("msgget.new", *at = msgget(key(of), IPC_CREAT | IPC_EXCL | 0600))
	STEP("msgget.old", *at = msgget(key(of), 0600))
	STEP("msgget.private", *at = msgget(IPC_PRIVATE, 0600))
	STEP("msgsnd", sent(id))
	STEP("msgrcv", received(id, IPC_NOWAIT))
	STEP("msgrcv.wait", received(id, 0))
	STEP("msgrm", msgctl(id, IPC_RMID, NULL))
	STEP("msgstat", queue_state(id, IPC_STAT))
	STEP("msgstat.at", queue_state(id & 0x7fff, MSG_STAT))
	STEP("msginfo", queue_state(0, MSG_INFO))
	STEP("semget", *at = semget(key(of), 1, IPC_CREAT | 0600))
	STEP("semget.new", *at = semget(key(of), 1, IPC_CREAT | IPC_EXCL | 0600))
	STEP("sem.give", change(id, 1, 0))
	STEP("sem.take", change(id, -1, IPC_NOWAIT))
	STEP("sem.wait", change(id, -1, 0))
	STEP("sem.undo", change(id, 1, SEM_UNDO))
	STEP("sem.zero", change(id, 0, IPC_NOWAIT))
	STEP("sem.get", semctl(id, 0, GETVAL))
	STEP("sem.set", semctl(id, 0, SETVAL, 2))
	STEP("sem.pid", semctl(id, 0, GETPID))
	STEP("sem.waiters", semctl(id, 0, GETNCNT))
	STEP("semrm", semctl(id, 0, IPC_RMID))
	STEP("shmget", *at = shmget(key(of), 4096, IPC_CREAT | 0600))
	STEP("shmget.old", *at = shmget(key(of), 4096, 0600))
	STEP("shmat", attach(of))
	STEP("shmdt", shmdt(memory[(int)of[0]]))
	STEP("shmrm", shmctl(id, IPC_RMID, NULL))
	STEP("shmstat", memory_state(id, IPC_STAT))
	STEP("shmstat.at", memory_state(id & 0x7fff, SHM_STAT))
	STEP("shminfo", memory_state(0, SHM_INFO))
	return 0;
}

static long attributes(int queue)
{
	struct mq_attr told = { 0 };
	long result = mq_getattr(queue, &told);
	see(told.mq_curmsgs);
	see(told.mq_flags);
	return result;
}

static int notified(int queue)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	return mq_notify(queue, &event);
}

int on_queue(const char *step, const char *of)
{
	struct mq_attr few = { .mq_maxmsg = 1, .mq_msgsize = 4 }, none = { 0 };
	const char name[] = { '/', of[0], 0 };
	char text[4] = "";
	int *at = &slot[(int)of[0]];

	STEP("mq", *at = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &few))
	STEP("mq.new", *at = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &few))
	STEP("mq.old", *at = mq_open(name, O_RDWR | O_NONBLOCK))
	STEP("mq.send", mq_send(*at, text, sizeof text, 0))
	STEP("mq.receive", mq_receive(*at, text, sizeof text, NULL))
	STEP("mq.attr", attributes(*at))
	STEP("mq.block", mq_setattr(*at, &none, NULL))
	STEP("mq.notify", notified(*at))
	STEP("mq.unlink", mq_unlink(name))
	return 0;
}

static int map(const char *of, int flags)
{
	char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, slot[(int)of[0]], 0);
	if (at == MAP_FAILED)
		return -1;
	memory[(int)of[0]] = at;
	return 0;
}

static long add(char *at)
{
	return at ? ++*(volatile char *)at : -1;
}

static long load(const char *at)
{
	return at ? *(const volatile char *)at : -1;
}

static long futex(char *at, int operation, int value)
{
	return syscall(SYS_futex, at, operation, value, operation == FUTEX_REQUEUE ? 1L : 0L,
		       at ? at + 8 : at, 0);
}

int on_memory(const char *step, const char *of)
{
	char *at = memory[(int)of[0]];

	STEP("map", map(of, MAP_SHARED))
	STEP("map.private", map(of, MAP_PRIVATE))
	STEP("map.none", map(of, MAP_SHARED | MAP_ANONYMOUS))
	STEP("unmap", munmap(at, 4096))
	STEP("protect", mprotect(at, 4096, PROT_READ))
	STEP("msync", msync(at, 4096, MS_SYNC))
	STEP("add", add(at))
	STEP("load", load(at))
	STEP("futex.wait", futex(at, FUTEX_WAIT, '0'))
	STEP("futex.wait0", futex(at, FUTEX_WAIT, 0))
	STEP("futex.wake", futex(at, FUTEX_WAKE, 1))
	STEP("futex.requeue", futex(at, FUTEX_REQUEUE, 0))
	STEP("futex.trylock", futex(at, FUTEX_TRYLOCK_PI, 0))
	STEP("futex.unlock", futex(at, FUTEX_UNLOCK_PI, 0))
	return 0;
}
