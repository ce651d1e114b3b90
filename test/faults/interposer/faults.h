/* What the three parts of the interposer share; see strike.c for what it is. */
#pragma once
#include <limits.h>
#include <stdint.h>
#include <sys/uio.h>

#define HIDDEN __attribute__((visibility("hidden")))

enum { CREATE = 1, WRITE, TRUNCATE, RENAME, UNLINK, MKDIR, RMDIR, LINK, SYMLINK, CHMOD, SYNC, SYNC_ALL };

struct operation {
    uint32_t kind, mode;
    int64_t offset;
    const char *path, *path2;
    const struct iovec *data;
    int data_count;
};

/* The directory that is watched; NULL where none is. */
extern HIDDEN const char *faults_root;

/* Counts the operation and strikes; what is left to do is -1 (fail with ENOSPC), 0 (not armed) or 1 (go on, and tell after). */
HIDDEN int before(const struct operation *operation);
/* Writes the operation down when `go` is 1, and returns its result with errno as it was. */
HIDDEN int64_t after(int go, const struct operation *operation, int64_t result);

/* The path of an open file; 0 where it is not below the root. */
HIDDEN int path_of_fd(int fd, char out[PATH_MAX]);
/* Makes a path absolute and plain, by its text alone; 0 where it is not below the root. */
HIDDEN int absolute(int dir, const char *path, char out[PATH_MAX]);
