/* Steps on pipes and sockets: making them, and what only sockets can. */
#include "calls.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static int pair(const char *of, int result, int ends[2])
{
	slot[(int)of[0]] = ends[0];
	/* The other end, or the one to write to, has the capital letter. */
	slot[of[0] - 'a' + 'A'] = ends[1];
	return result;
}

static int make_pipe(const char *of)
{
	int ends[2];
	int result = pipe2(ends, O_NONBLOCK);
	return pair(of, result, ends);
}

static int make_pair(const char *of, int type)
{
	int ends[2];
	int result = socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends);
	return pair(of, result, ends);
}

/* A terminal: the side that drives it has the small letter. */
static int make_terminal(const char *of)
{
	int ends[2] = { posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), -1 };
	if (ends[0] != -1 && unlockpt(ends[0]) == 0)
		ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_NONBLOCK);
	return pair(of, ends[1], ends);
}

/* The address of a socket: a file's name, or a port. */
static socklen_t address(const char *of, int family, struct sockaddr_storage *to)
{
	struct sockaddr_un *local = (struct sockaddr_un *)to;
	struct sockaddr_in *inet = (struct sockaddr_in *)to;
	memset(to, 0, sizeof *to);
	to->ss_family = (sa_family_t)family;
	if (family == AF_UNIX) {
		local->sun_path[0] = of[0];
		return sizeof *local;
	}
	inet->sin_port = htons((unsigned short)(7000 + of[0]));
	inet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof *inet;
}

static int bound(const char *of, int family, int type)
{
	struct sockaddr_storage to;
	socklen_t length = address(of, family, &to);
	return bind(slot[(int)of[0]], (struct sockaddr *)&to, length) | (type & 0);
}

static int connected(int file, const char *of, int family)
{
	struct sockaddr_storage to;
	socklen_t length = address(of, family, &to);
	return connect(file, (struct sockaddr *)&to, length);
}

static long sent_to(int file, const char *of, int family)
{
	struct sockaddr_storage to;
	socklen_t length = address(of, family, &to);
	return sendto(file, "m", 1, 0, (struct sockaddr *)&to, length);
}

static long received(int file, int flags)
{
	char bytes[4] = "";
	long result = recv(file, bytes, sizeof bytes, flags | MSG_DONTWAIT);
	see(bytes[0]);
	return result;
}

static long pass(int file, int *passed, int is_sent)
{
	union { char room[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control;
	struct iovec vector = { "d", 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control };
	char byte;
	long result;
	memset(&control, 0, sizeof control);
	if (is_sent) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), passed, sizeof(int));
		return sendmsg(file, &message, 0);
	}
	vector.iov_base = &byte;
	result = recvmsg(file, &message, MSG_DONTWAIT);
	if (result > 0 && message.msg_controllen > 0)
		memcpy(passed, CMSG_DATA(&control.header), sizeof(int));
	return result;
}

static int option(int file, int which)
{
	int value[3] = { 0 };
	socklen_t length = sizeof value;
	int result = getsockopt(file, SOL_SOCKET, which, value, &length);
	see(value[0]);
	return result;
}

static int peer(int file)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof from;
	int result = getpeername(file, (struct sockaddr *)&from, &length);
	return result;
}

int on_socket(const char *step, const char *of)
{
	int *at = &slot[(int)of[0]], file = *at, *other = &slot[of[0] ? (int)of[1] : 0];

	STEP("pipe", make_pipe(of))
	STEP("pty", make_terminal(of))
	STEP("pair", make_pair(of, SOCK_STREAM))
	STEP("pair.d", make_pair(of, SOCK_DGRAM))
	STEP("unix", *at = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0))
	STEP("unix.d", *at = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0))
	STEP("tcp", *at = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0))
	STEP("udp", *at = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0))
	STEP("bind.unix", bound(of, AF_UNIX, SOCK_STREAM))
	STEP("bind.inet", bound(of, AF_INET, SOCK_STREAM))
	STEP("listen", listen(file, 0))
	STEP("connect.unix", connected(*other, of, AF_UNIX))
	STEP("connect.inet", connected(*other, of, AF_INET))
	STEP("accept", *other = accept(file, NULL, NULL))
	STEP("sendto.unix", sent_to(*other, of, AF_UNIX))
	STEP("sendto.inet", sent_to(*other, of, AF_INET))
	STEP("send", send(file, "s", 1, MSG_NOSIGNAL))
	STEP("recv", received(file, 0))
	STEP("peek", received(file, MSG_PEEK))
	STEP("shutdown.r", shutdown(file, SHUT_RD))
	STEP("shutdown.w", shutdown(file, SHUT_WR))
	STEP("send.fd", pass(file, other, 1))
	STEP("recv.fd", pass(file, other, 0))
	STEP("sndbuf", setsockopt(file, SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int)))
	STEP("sndbuf.get", option(file, SO_SNDBUF))
	STEP("error", option(file, SO_ERROR))
	STEP("cred", option(file, SO_PEERCRED))
	STEP("listens", option(file, SO_ACCEPTCONN))
	STEP("peer", peer(file))
	return 0;
}
