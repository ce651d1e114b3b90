/*
 * Stands between a program and the file system (LD_PRELOAD): writes down every operation that changes what is below
 * one directory, or makes it durable, and strikes at the n-th.
 *
 *   FAULTS_ROOT   the directory, absolute and without links
 *   FAULTS_LOG    where the operations are written down
 *   FAULTS_ARM    a file; nothing is written down before it is there. Its content is "N ACTION"
 *
 * Counted are the operations of the launcher, of what the launcher runs and of the VM that it becomes, from one start of
 * the node to the next (in FAULTS_ARM.count). What the VM starts writes down what it does and is left alone.
 *
 * Before the N-th operation, ACTION is done: "kill" (SIGKILL to the node), "stop" (SIGSTOP), "full" (from now on, as long
 * as FAULTS_ARM is there, nothing that needs space succeeds), "kill_full" (both), "pause" (the operation waits until
 * FAULTS_ARM or FAULTS_ARM.paused is gone, the file that says so) or "record" (nothing).
 *
 * A record, in the byte order of the machine: u32 length of what follows, u32 pid, u32 number of the operation (0 where it
 * is not counted), i32 errno (0 where it succeeded), u32 operation, u32 mode, i64 offset (of a creation: 1 where a file
 * that is there is emptied), u32 lengths of path, second path and data, and these three.
 */
#define _GNU_SOURCE
#include "faults.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const char *faults_root;
static const char *log_path, *arm_path;
static int counts;
static pid_t launcher;
static uint32_t *count;
/* Operations are written down in the order in which they happen. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The count outlives the process, as the node may start again meanwhile. */
static uint32_t *shared_count(void)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.count", arm_path);
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof(uint32_t)) != 0)
        abort();
    void *shared = mmap(NULL, sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (shared == MAP_FAILED)
        abort();
    return shared;
}

__attribute__((constructor)) static void start(void)
{
    char text[PATH_MAX];
    faults_root = getenv("FAULTS_ROOT");
    log_path = getenv("FAULTS_LOG");
    arm_path = getenv("FAULTS_ARM");
    if (!faults_root)
        return;

    /* The first process of all becomes the VM, by exec and with the same id. */
    if (!getenv("FAULTS_LAUNCHER")) {
        snprintf(text, sizeof text, "%d", getpid());
        setenv("FAULTS_LAUNCHER", text, 1);
    }
    launcher = atoi(getenv("FAULTS_LAUNCHER"));
    counts = !getenv("FAULTS_VM");
    count = shared_count();

    ssize_t length = readlink("/proc/self/exe", text, sizeof text - 1);
    if (length <= 0)
        abort();
    text[length] = 0;
    const char *name = strrchr(text, '/');
    if (getpid() == launcher && name && strncmp(name + 1, "beam", 4) == 0)
        setenv("FAULTS_VM", "1", 1);
}

/* Reads what is to be done; 0 where nothing is armed. */
static int armed(uint32_t *at, char action[16])
{
    char text[64];
    int fd = syscall(SYS_openat, AT_FDCWD, arm_path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (length <= 0)
        return 0;
    text[length] = 0;
    return sscanf(text, "%u %15s", at, action) == 2;
}

static uint32_t number_of_last;

static void append(int fd, const void *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = syscall(SYS_write, fd, bytes, length);
        if (written <= 0)
            abort();
        bytes = (const char *)bytes + written;
        length -= written;
    }
}

static void write_down(const struct operation *operation, int64_t result, int error)
{
    size_t data_length = 0;
    for (int i = 0; i < operation->data_count; i++)
        data_length += operation->data[i].iov_len;
    if (operation->kind == WRITE && result >= 0 && (size_t)result < data_length)
        data_length = result;

    uint32_t lengths[3] = {strlen(operation->path), operation->path2 ? strlen(operation->path2) : 0, data_length};
    uint32_t head[6] = {6 * 4 - 4 + 8 + 12 + lengths[0] + lengths[1] + lengths[2], getpid(), number_of_last,
                        result < 0 ? error : 0, operation->kind, operation->mode};
    size_t total = head[0] + 4, at = 0;
    char *record = malloc(total);
    if (!record)
        abort();
#define PUT(bytes, length) (memcpy(record + at, bytes, length), at += length)
    PUT(head, sizeof head);
    PUT(&operation->offset, 8);
    PUT(lengths, sizeof lengths);
    PUT(operation->path, lengths[0]);
    if (operation->path2)
        PUT(operation->path2, lengths[1]);
    for (int i = 0; i < operation->data_count && at < total; i++) {
        size_t length = operation->data[i].iov_len;
        PUT(operation->data[i].iov_base, length < total - at ? length : total - at);
    }

    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        abort();
    append(fd, record, total);
    syscall(SYS_close, fd);
    free(record);
}

static int needs_space(const struct operation *operation)
{
    uint32_t kind = operation->kind;
    /* Emptying a file that is there takes none. */
    return (kind == CREATE && !operation->offset) || kind == WRITE || kind == MKDIR || kind == LINK || kind == SYMLINK;
}

/* Until one of the two is gone: who lets it go on may arm anew at once. */
static void pause_until_released(void)
{
    uint32_t at;
    char action[16], path[PATH_MAX];
    const struct timespec moment = {0, 1000000};
    snprintf(path, sizeof path, "%s.paused", arm_path);
    syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (armed(&at, action) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0)
        nanosleep(&moment, NULL);
}

static void signal_node(int number)
{
    syscall(SYS_kill, launcher, number);
    syscall(SYS_kill, getpid(), number);
    /* Both come at once for the thread that sends them; nothing may happen before. */
    for (;;)
        syscall(SYS_sched_yield);
}

int before(const struct operation *operation)
{
    uint32_t at = 0;
    char action[16];
    pthread_mutex_lock(&lock);
    if (!armed(&at, action)) {
        pthread_mutex_unlock(&lock);
        return 0;
    }
    number_of_last = counts ? __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST) : 0;
    if (counts && at > 0 && number_of_last >= at) {
        int full = strcmp(action, "full") == 0 || (strcmp(action, "kill_full") == 0 && number_of_last > at);
        if (full && needs_space(operation)) {
            write_down(operation, -1, ENOSPC);
            pthread_mutex_unlock(&lock);
            errno = ENOSPC;
            return -1;
        }
        if (number_of_last == at && strcmp(action, "pause") == 0)
            pause_until_released();
        if (number_of_last == at && (strncmp(action, "kill", 4) == 0 || strcmp(action, "stop") == 0))
            signal_node(action[0] == 'k' ? SIGKILL : SIGSTOP);
    }
    return 1;
}

int64_t after(int go, const struct operation *operation, int64_t result)
{
    int error = errno;
    if (go == 1) {
        write_down(operation, result, error);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return result;
}
