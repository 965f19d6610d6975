/*
 * hostile cmdline SECONDS     a process whose /proc/PID/cmdline never ends to be read, as any user can make one
 * hostile exe USER SECONDS    (root) a program on a file system that USER serves, and that stands still once /run/stall is there
 * hostile forks NUMBER SECONDS   so many processes that sleep
 *
 * Each prints "PID START" of the process in question on standard output, and ends after so many seconds by itself: every program that
 * reads such a process, ps(1) on the whole machine included, waits until then.
 *
 * `cmdline` mounts FUSE in a user namespace of its own. One thread reads a page of a file; the server never answers, so the page
 * stays locked. Another thread maps the same file, opened for direct I/O: the kernel then drops the pages of the file while it
 * holds the lock of the address space for writing, and waits for the locked page. Each reader that wants the lock, as
 * /proc/PID/cmdline does, waits as well.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_NODE 2
#define PROGRAM "/bin/sleep"
#define STALL "/run/stall"

enum { ENDLESS_READ, STALLED_ATTRIBUTES };

static char *content;
static size_t content_size;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		fail(path);
	close(file);
}

static void describe(struct fuse_attr *attr, unsigned long node)
{
	memset(attr, 0, sizeof *attr);
	attr->ino = node;
	attr->nlink = 1;
	attr->size = node == FUSE_ROOT_ID ? 0 : content_size;
	attr->mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0755;
	attr->blksize = 4096;
}

static void reply(int fuse, struct fuse_in_header *request, int error, void *body, size_t size)
{
	struct fuse_out_header head = { .len = sizeof head + size, .error = error, .unique = request->unique };
	struct iovec parts[2] = { { &head, sizeof head }, { body, size } };

	if (writev(fuse, parts, size ? 2 : 1) < 0)
		return; /* The request was given up. */
}

/* Serves one file, and says on `reading` when a read has begun that will have no answer. */
static void serve(int fuse, int kind, int reading)
{
	static char buffer[1 << 20];
	int opened = 0;

	while (1) {
		ssize_t got = read(fuse, buffer, sizeof buffer);
		struct fuse_in_header *request = (void *)buffer;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			exit(0);
		switch (request->opcode) {
		case FUSE_INIT: {
			struct fuse_init_in *in = (void *)(request + 1);
			struct fuse_init_out out = { .major = 7, .minor = in->minor < 31 ? in->minor : 31, .max_readahead = 4096,
				.max_write = 4096, .max_background = 16, .congestion_threshold = 12 };
			reply(fuse, request, 0, &out, sizeof out);
			break;
		}
		case FUSE_LOOKUP: {
			struct fuse_entry_out out = { .nodeid = FILE_NODE };
			if (kind == ENDLESS_READ)
				out.entry_valid = out.attr_valid = 9999;
			describe(&out.attr, FILE_NODE);
			reply(fuse, request, 0, &out, sizeof out);
			break;
		}
		case FUSE_GETATTR: {
			struct fuse_attr_out out = { .attr_valid = kind == ENDLESS_READ ? 9999 : 0 };
			if (kind == STALLED_ATTRIBUTES && access(STALL, F_OK) == 0)
				break;
			describe(&out.attr, request->nodeid);
			reply(fuse, request, 0, &out, sizeof out);
			break;
		}
		case FUSE_OPEN: {
			struct fuse_open_out out = { .fh = 1 };
			if (kind == ENDLESS_READ)
				out.open_flags = opened++ ? FOPEN_DIRECT_IO : 0;
			else
				out.open_flags = FOPEN_KEEP_CACHE;
			reply(fuse, request, 0, &out, sizeof out);
			break;
		}
		case FUSE_READ: {
			struct fuse_read_in *in = (void *)(request + 1);
			size_t start = in->offset < content_size ? in->offset : content_size;
			size_t size = content_size - start < in->size ? content_size - start : in->size;
			if (kind == ENDLESS_READ) {
				if (write(reading, "r", 1) < 0)
					fail("pipe");
				break;
			}
			reply(fuse, request, 0, content + start, size);
			break;
		}
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		case FUSE_FLUSH:
		case FUSE_RELEASE:
			reply(fuse, request, 0, NULL, 0);
			break;
		default:
			reply(fuse, request, -ENOSYS, NULL, 0);
		}
	}
}

static void say(pid_t pid)
{
	char path[64], line[1024], *field;
	FILE *stat;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	stat = fopen(path, "r");
	if (!stat || !fgets(line, sizeof line, stat))
		fail(path);
	field = strrchr(line, ')') + 2;
	for (int skipped = 0; skipped < 19; skipped++)
		field = strchr(field, ' ') + 1;
	printf("%d %lu\n", pid, strtoul(field, NULL, 10));
	fflush(stdout);
	fclose(stat);
}

static int first, second;
static char page[4096];

static void *read_page(void *unused)
{
	if (read(first, page, sizeof page) < 0)
		return NULL;
	return unused;
}

static void *map_file(void *unused)
{
	mmap(NULL, sizeof page, PROT_READ, MAP_PRIVATE, second, 0);
	return unused;
}

static void endless_command_line(unsigned seconds)
{
	unsigned uid = getuid(), gid = getgid();
	int fuse, reading[2];
	pthread_t reader, mapper;
	char text[128], letter;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		fail("unshare");
	write_text("/proc/self/setgroups", "deny");
	snprintf(text, sizeof text, "0 %u 1", gid);
	write_text("/proc/self/gid_map", text);
	snprintf(text, sizeof text, "0 %u 1", uid);
	write_text("/proc/self/uid_map", text);
	content_size = sizeof page;
	fuse = open("/dev/fuse", O_RDWR);
	if (fuse < 0 || pipe(reading))
		fail("/dev/fuse");
	snprintf(text, sizeof text, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("hang", "/mnt", "fuse", MS_NOSUID | MS_NODEV, text))
		fail("mount");
	/* Killed, the process ends only after its server: so the server is its parent, and takes it along. */
	alarm(seconds);
	if (fork() != 0)
		serve(fuse, ENDLESS_READ, reading[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(fuse);
	first = open("/mnt/a", O_RDONLY);
	second = open("/mnt/a", O_RDONLY);
	if (first < 0 || second < 0)
		fail("/mnt/a");
	pthread_create(&reader, NULL, read_page, NULL);
	if (read(reading[0], &letter, 1) != 1)
		fail("pipe");
	say(getpid());
	pthread_create(&mapper, NULL, map_file, NULL);
	while (1)
		pause();
}

static void stalled_program(const char *user, unsigned seconds)
{
	struct passwd *entry = getpwnam(user);
	int fuse = open("/dev/fuse", O_RDWR), program = open(PROGRAM, O_RDONLY);
	struct stat stat;
	char text[128];
	pid_t child;

	if (!entry || fuse < 0 || program < 0 || fstat(program, &stat))
		fail("user, /dev/fuse or " PROGRAM);
	content_size = stat.st_size;
	content = malloc(content_size);
	if (!content || read(program, content, content_size) != (ssize_t)content_size)
		fail(PROGRAM);
	mkdir("/srv/share", 0755);
	snprintf(text, sizeof text, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", fuse, entry->pw_uid, entry->pw_gid);
	if (mount("share", "/srv/share", "fuse", MS_NOSUID | MS_NODEV, text))
		fail("mount");
	if (setgid(entry->pw_gid) || setuid(entry->pw_uid))
		fail("setuid");
	alarm(seconds);
	child = fork();
	if (child == 0) {
		char length[16];
		/* Else the file system would outlive its server, and this process wait for an answer until the machine is started again. */
		close(fuse);
		snprintf(length, sizeof length, "%u", seconds);
		execl("/srv/share/program", "program", length, NULL);
		fail("/srv/share/program");
	}
	say(child);
	serve(fuse, STALLED_ATTRIBUTES, -1);
}

static void forks(int number, unsigned seconds)
{
	alarm(seconds);
	for (int made = 0; made < number; made++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (1)
				pause();
		}
	}
	say(getpid());
	while (1)
		pause();
}

int main(int count, char **arguments)
{
	if (count == 3 && strcmp(arguments[1], "cmdline") == 0)
		endless_command_line(atoi(arguments[2]));
	if (count == 4 && strcmp(arguments[1], "exe") == 0)
		stalled_program(arguments[2], atoi(arguments[3]));
	if (count == 4 && strcmp(arguments[1], "forks") == 0)
		forks(atoi(arguments[2]), atoi(arguments[3]));
	fprintf(stderr, "usage: hostile cmdline SECONDS | exe USER SECONDS | forks NUMBER SECONDS\n");
	return 2;
}
