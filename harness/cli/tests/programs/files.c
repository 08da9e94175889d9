/* What files look like: their numbers, however they are asked for, and their times.
   usage: files numbers | times | list DIR | key | queue | proc       exit 1 where something is wrong */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPECT(is) do { if (!(is)) { printf("line %d: %s\n", __LINE__, #is); exit(1); } } while (0)

static struct stat of(const char *path)
{
	struct stat status;
	EXPECT(lstat(path, &status) == 0);
	return status;
}

static ino_t listed(const char *directory, const char *name)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	ino_t found = 0;
	while ((entry = readdir(entries)))
		if (strcmp(entry->d_name, name) == 0)
			found = entry->d_ino;
	closedir(entries);
	return found;
}

/* A file made in the run has one number by stat, fstat, statx, getdents64, fdinfo and maps. */
static void one_number(const char *directory, const char *name)
{
	char path[256], text[4096], line[256];
	struct stat status, open_status;
	struct statx extended;
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int file = open(path, O_CREAT | O_RDWR | O_EXCL, 0600);
	EXPECT(file >= 0 && ftruncate(file, 4096) == 0);
	EXPECT(stat(path, &status) == 0 && fstat(file, &open_status) == 0);
	EXPECT(statx(AT_FDCWD, path, 0, STATX_ALL, &extended) == 0);
	EXPECT(status.st_ino == open_status.st_ino && status.st_dev == open_status.st_dev);
	EXPECT(status.st_ino == extended.stx_ino);
	EXPECT(status.st_dev == makedev(extended.stx_dev_major, extended.stx_dev_minor));
	EXPECT(listed(directory, name) == status.st_ino);
	snprintf(line, sizeof line, "/proc/self/fdinfo/%d", file);
	int info = open(line, O_RDONLY);
	ssize_t length = read(info, text, sizeof text - 1);
	EXPECT(length > 0);
	text[length] = 0;
	snprintf(line, sizeof line, "ino:\t%lu\n", (unsigned long)status.st_ino);
	EXPECT(strstr(text, line));
	close(info);
	EXPECT(mmap((void *)0x10000000, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED);
	snprintf(text, sizeof text, "10000000-10001000 r--p 00000000 %02x:%02x %lu ", major(status.st_dev),
		 minor(status.st_dev), (unsigned long)status.st_ino);
	FILE *maps = fopen("/proc/self/maps", "r");
	int found = 0;
	while (fgets(line, sizeof line, maps))
		found |= strncmp(line, text, strlen(text)) == 0;
	fclose(maps);
	EXPECT(found);
	close(file);
	printf("%s %lu %lu\n", path, (unsigned long)status.st_dev, (unsigned long)status.st_ino);
}

static void numbers(void)
{
	const char *directories[] = {"/tmp", "/var/tmp", "/dev/shm", ".", "existing", "made"};
	EXPECT(mkdir("made", 0700) == 0);
	for (int at = 0; at < 6; at++) {
		one_number(directories[at], "files-one");
		one_number(directories[at], "files-two");
	}
	/* A second name is the same file, another file never, and a moved one stays what it is. */
	EXPECT(link("files-one", "files-link") == 0);
	EXPECT(of("files-link").st_ino == of("files-one").st_ino);
	EXPECT(of("files-two").st_ino != of("files-one").st_ino);
	EXPECT(of("made").st_dev == of("files-one").st_dev && of(".").st_dev == of("made").st_dev);
	ino_t before = of("files-two").st_ino;
	EXPECT(rename("files-two", "made/moved") == 0 && of("made/moved").st_ino == before);
	int again = open("files-two", O_CREAT | O_EXCL, 0600);
	EXPECT(again >= 0 && of("files-two").st_ino != before);
	EXPECT(listed("made", ".") == of("made").st_ino && listed("made", "..") == of(".").st_ino);
	/* What was there keeps its number, also when it is changed. */
	printf("old %lu %lu\n", (unsigned long)of("old").st_dev, (unsigned long)of("old").st_ino);
	before = of("old").st_ino;
	int old = open("old", O_RDWR | O_APPEND);
	EXPECT(write(old, "x", 1) == 1 && of("old").st_ino == before && listed(".", "old") == before);
	/* So does a further name of it, as git(1) checks for the objects that it clones. */
	struct stat first = of("older");
	EXPECT(link("older", "older-link") == 0);
	EXPECT(of("older-link").st_ino == first.st_ino && of("older-link").st_dev == first.st_dev);
	EXPECT(of("older").st_ino == first.st_ino && listed(".", "older-link") == first.st_ino);
	EXPECT(linkat(open("older-link", O_RDONLY), "", AT_FDCWD, "made/older", AT_EMPTY_PATH) == 0
	       || errno == ENOENT);
	int again_older = open("made/older", O_WRONLY);
	EXPECT(again_older < 0 || of("made/older").st_ino == first.st_ino);
	EXPECT(unlink("older") == 0 && of("older-link").st_ino == first.st_ino);
	EXPECT(of("older-link").st_mtim.tv_sec == first.st_mtim.tv_sec);
	printf("existing %lu\n", (unsigned long)of("existing").st_ino);
	int ends[2];
	struct stat pipe_status;
	char target[64], name[64];
	EXPECT(pipe(ends) == 0 && fstat(ends[0], &pipe_status) == 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
	target[readlink(name, target, sizeof target - 1)] = 0;
	snprintf(name, sizeof name, "pipe:[%lu]", (unsigned long)pipe_status.st_ino);
	EXPECT(strcmp(target, name) == 0);
	printf("%s\n", name);
}

static long long at(struct timespec time)
{
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	return at(time);
}

static void times(void)
{
	long long begin = now();
	EXPECT(at(of("old").st_mtim) < begin);
	int file = open("new", O_CREAT | O_RDWR, 0600);
	EXPECT(at(of("new").st_mtim) >= begin && at(of("new").st_mtim) <= now());
	long long made = at(of("new").st_mtim);
	usleep(1000);
	EXPECT(write(file, "x", 1) == 1);
	long long written = at(of("new").st_mtim);
	EXPECT(written >= made + 1000000 && written <= now());
	usleep(1000);
	EXPECT(chmod("new", 0644) == 0 && at(of("new").st_mtim) == written);
	EXPECT(at(of("new").st_ctim) >= written + 1000000);
	EXPECT(at(of("new").st_atim) < written);
	usleep(1000);
	char byte;
	EXPECT(pread(file, &byte, 1, 0) == 1 && at(of("new").st_atim) > written);
	/* What is made later is newer; a time that is set stays. */
	int second = open("later", O_CREAT | O_RDWR, 0600);
	EXPECT(at(of("later").st_mtim) > written);
	struct timespec set[] = {{1000000000, 5}, {1000000000, 7}};
	EXPECT(futimens(second, set) == 0);
	EXPECT(at(of("later").st_mtim) == 1000000000000000007LL && at(of("later").st_ctim) > written);
	EXPECT(utimensat(AT_FDCWD, "later", NULL, 0) == 0 && at(of("later").st_mtim) > written);
	EXPECT(mkdir("directory", 0700) == 0);
	long long empty = at(of("directory").st_mtim);
	usleep(1000);
	close(open("directory/entry", O_CREAT, 0600));
	long long filled = at(of("directory").st_mtim);
	EXPECT(filled >= empty + 1000000);
	usleep(1000);
	EXPECT(unlink("directory/entry") == 0 && at(of("directory").st_mtim) > filled);
	for (int number = 0; number < 4; number++) {
		const char *names[] = {"new", "later", "directory", "."};
		struct stat status = of(names[number]);
		printf("%s %lld %lld %lld\n", names[number], at(status.st_atim), at(status.st_mtim),
		       at(status.st_ctim));
	}
}

static void list(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	while ((entry = readdir(entries)))
		printf("%s\n", entry->d_name);
	closedir(entries);
}

/* Two keys made of files, and a deadlock. */
static void key(void)
{
	int ids[2];
	for (int number = 0; number < 2; number++) {
		const char *name = number ? "key-b" : "key-a";
		close(open(name, O_CREAT | O_RDWR, 0600));
		key_t key = ftok(name, 'x');
		printf("%x\n", key);
		ids[number] = semget(key, 1, IPC_CREAT | 0600);
		semctl(ids[number], 0, SETVAL, 1);
	}
	fflush(stdout);
	for (int number = 0; number < 2; number++) {
		if (fork())
			continue;
		struct sembuf down = {0, -1, 0};
		semop(ids[number], &down, 1);
		usleep(1000 * number);
		semop(ids[!number], &down, 1);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
}

static void proc(void)
{
	const char *files[] = {
		"/proc/self/stat", "/proc/self/status", "/proc/self/statm", "/proc/self/maps",
		"/proc/self/autogroup",
		"/proc/uptime", "/proc/loadavg", "/proc/stat", "/proc/meminfo",
		"/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/random/uuid"};
	for (int number = 0; number < 11; number++) {
		/* In pieces that end in the middle of a line. */
		char piece[61];
		ssize_t length;
		int file = open(files[number], O_RDONLY);
		while ((length = read(file, piece, sizeof piece)) > 0)
			fwrite(piece, 1, length, stdout);
		/* A second time, by position. */
		for (off_t at = 0; (length = pread(file, piece, sizeof piece, at)) > 0; at += length)
			fwrite(piece, 1, length, stdout);
		close(file);
	}
}

/* Who is there: the program itself, by the number that it is told, and nobody that runs are
 * copied from. */
static void processes(void)
{
	char own[16];
	ssize_t length = readlink("/proc/self", own, sizeof own - 1);
	int is_listed = 0;
	DIR *all = opendir("/proc");
	own[length < 0 ? 0 : length] = 0;
	for (struct dirent *entry; all && (entry = readdir(all));) {
		if (entry->d_name[0] <= '9')
			printf("%s\n", entry->d_name);
		is_listed |= strcmp(entry->d_name, own) == 0;
	}
	if (!is_listed || atoi(own) != getpid())
		exit(1);
}

/* What inotify(7) tells of two renames. */
static void notices(void)
{
	char events[4096];
	int watch = inotify_init();
	inotify_add_watch(watch, ".", IN_MOVE);
	close(creat("from", 0600));
	rename("from", "to");
	rename("to", "from");
	ssize_t length = read(watch, events, sizeof events);
	for (ssize_t at = 0; at < length;) {
		const struct inotify_event *event = (const void *)&events[at];
		printf("%s %u\n", event->name, event->cookie);
		at += sizeof *event + event->len;
	}
	unlink("from");
}

/* A message queue's descriptor shows a number and times as a file's does. */
static void queue(void)
{
	for (int at = 0; at < 2; at++) {
		struct stat status;
		mqd_t opened = mq_open("/queue", O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
		EXPECT(opened >= 0 && fstat(opened, &status) == 0);
		EXPECT(mq_unlink("/queue") == 0);
		printf("%lu %lu %lld\n", (unsigned long)status.st_dev, (unsigned long)status.st_ino,
		       (long long)status.st_mtim.tv_sec);
	}
}

int main(int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";
	if (strcmp(what, "numbers") == 0)
		numbers();
	else if (strcmp(what, "times") == 0)
		times();
	else if (strcmp(what, "list") == 0)
		list(words[2]);
	else if (strcmp(what, "key") == 0)
		key();
	else if (strcmp(what, "queue") == 0)
		queue();
	else if (strcmp(what, "proc") == 0)
		proc();
	else if (strcmp(what, "notices") == 0)
		notices();
	else if (strcmp(what, "processes") == 0)
		processes();
	return count > 3 ? 3 : 0;
}
