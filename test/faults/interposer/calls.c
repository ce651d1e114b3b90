/* The calls of libc that are stood in for, under all their names. */
#define _GNU_SOURCE
#include "faults.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Runs a call as an operation if `counted`, else as it is. */
#define RUN(counted, call, ...)                                 \
    do {                                                        \
        if (!(counted))                                         \
            return call;                                        \
        const struct operation operation = {__VA_ARGS__};       \
        int go = before(&operation);                            \
        if (go < 0)                                             \
            return -1;                                          \
        return after(go, &operation, call);                     \
    } while (0)

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    struct stat status;
    int there = faults_root && fstatat(dir, path, &status, 0) == 0;
    /* Opening what is there changes nothing unless it is emptied. */
    int counted = ((flags & O_TRUNC) || ((flags & O_CREAT) && !there)) && (flags & O_TMPFILE) != O_TMPFILE &&
                  absolute(dir, path, full);
    RUN(counted, syscall(SYS_openat, dir, path, flags, mode), .kind = CREATE, .mode = mode, .offset = there, .path = full);
}

#define MODE(flags)                                   \
    mode_t mode = 0;                                  \
    if ((flags) & (O_CREAT | O_TMPFILE)) {            \
        va_list arguments;                            \
        va_start(arguments, flags);                   \
        mode = va_arg(arguments, mode_t);             \
        va_end(arguments);                            \
    }

int open(const char *path, int flags, ...) { MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return do_open(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags) return do_open(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags) return do_open(dir, path, flags | O_LARGEFILE, mode); }
int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags | O_LARGEFILE, 0); }
int __openat_2(int dir, const char *path, int flags) { return do_open(dir, path, flags, 0); }
int __openat64_2(int dir, const char *path, int flags) { return do_open(dir, path, flags | O_LARGEFILE, 0); }
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* Where a write without a position goes. */
static int64_t position(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_APPEND) && fstat(fd, &status) == 0)
        return status.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    char full[PATH_MAX];
    int counted = path_of_fd(fd, full);
    struct iovec data = {(void *)bytes, length};
    RUN(counted, syscall(SYS_write, fd, bytes, length), .kind = WRITE, .offset = position(fd), .path = full, .data = &data,
        .data_count = 1);
}

ssize_t writev(int fd, const struct iovec *data, int data_count)
{
    char full[PATH_MAX];
    int counted = path_of_fd(fd, full);
    RUN(counted, syscall(SYS_writev, fd, data, data_count), .kind = WRITE, .offset = position(fd), .path = full,
        .data = data, .data_count = data_count);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    char full[PATH_MAX];
    int counted = path_of_fd(fd, full);
    struct iovec data = {(void *)bytes, length};
    RUN(counted, syscall(SYS_pwrite64, fd, bytes, length, offset), .kind = WRITE, .offset = offset, .path = full,
        .data = &data, .data_count = 1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return pwrite(fd, bytes, length, offset); }

ssize_t pwritev(int fd, const struct iovec *data, int data_count, off_t offset)
{
    char full[PATH_MAX];
    int counted = path_of_fd(fd, full);
    RUN(counted, syscall(SYS_pwritev, fd, data, data_count, offset, 0), .kind = WRITE, .offset = offset, .path = full,
        .data = data, .data_count = data_count);
}
ssize_t pwritev64(int fd, const struct iovec *data, int data_count, off_t offset) { return pwritev(fd, data, data_count, offset); }

int ftruncate(int fd, off_t length)
{
    char full[PATH_MAX];
    RUN(path_of_fd(fd, full), syscall(SYS_ftruncate, fd, length), .kind = TRUNCATE, .offset = length, .path = full);
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

int truncate(const char *path, off_t length)
{
    char full[PATH_MAX];
    RUN(absolute(AT_FDCWD, path, full), syscall(SYS_truncate, path, length), .kind = TRUNCATE, .offset = length, .path = full);
}
int truncate64(const char *path, off_t length) { return truncate(path, length); }

/* What cannot be written down is refused below the root, so that the program falls back to plain writes. */
static int refused(int fd)
{
    char full[PATH_MAX];
    return path_of_fd(fd, full);
}

ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags)
{
    if (refused(out))
        return errno = ENOSYS, -1;
    return syscall(SYS_copy_file_range, in, in_offset, out, out_offset, length, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t length)
{
    if (refused(out))
        return errno = ENOSYS, -1;
    return syscall(SYS_sendfile, out, in, offset, length);
}
ssize_t sendfile64(int out, int in, off_t *offset, size_t length) { return sendfile(out, in, offset, length); }

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (refused(fd))
        return errno = EOPNOTSUPP, -1;
    return syscall(SYS_fallocate, fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off_t offset, off_t length) { return fallocate(fd, mode, offset, length); }

int posix_fallocate(int fd, off_t offset, off_t length)
{
    if (refused(fd))
        return EOPNOTSUPP;
    return fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char full[PATH_MAX] = "", full2[PATH_MAX] = "";
    int leaves = absolute(from_dir, from, full), comes = absolute(to_dir, to, full2);
    RUN(leaves || comes, syscall(SYS_renameat2, from_dir, from, to_dir, to, flags), .kind = RENAME, .mode = flags,
        .path = full, .path2 = full2);
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) { return renameat2(from_dir, from, to_dir, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dir, const char *path, int flags)
{
    char full[PATH_MAX];
    RUN(absolute(dir, path, full), syscall(SYS_unlinkat, dir, path, flags), .kind = (flags & AT_REMOVEDIR) ? RMDIR : UNLINK,
        .path = full);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int dir, const char *path, mode_t mode)
{
    char full[PATH_MAX];
    RUN(absolute(dir, path, full), syscall(SYS_mkdirat, dir, path, mode), .kind = MKDIR, .mode = mode, .path = full);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    char full[PATH_MAX] = "", full2[PATH_MAX] = "";
    int counted = absolute(to_dir, to, full2);
    absolute(from_dir, from, full);
    RUN(counted, syscall(SYS_linkat, from_dir, from, to_dir, to, flags), .kind = LINK, .path = full, .path2 = full2);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *target, int dir, const char *path)
{
    char full[PATH_MAX];
    struct iovec data = {(void *)target, strlen(target)};
    RUN(absolute(dir, path, full), syscall(SYS_symlinkat, target, dir, path), .kind = SYMLINK, .path = full, .data = &data,
        .data_count = 1);
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int fchmod(int fd, mode_t mode)
{
    char full[PATH_MAX];
    RUN(path_of_fd(fd, full), syscall(SYS_fchmod, fd, mode), .kind = CHMOD, .mode = mode, .path = full);
}

int chmod(const char *path, mode_t mode)
{
    char full[PATH_MAX];
    RUN(absolute(AT_FDCWD, path, full), syscall(SYS_fchmodat, AT_FDCWD, path, mode), .kind = CHMOD, .mode = mode, .path = full);
}

int fsync(int fd)
{
    char full[PATH_MAX];
    RUN(path_of_fd(fd, full), syscall(SYS_fsync, fd), .kind = SYNC, .path = full);
}

int fdatasync(int fd)
{
    char full[PATH_MAX];
    RUN(path_of_fd(fd, full), syscall(SYS_fdatasync, fd), .kind = SYNC, .path = full);
}

int syncfs(int fd)
{
    char full[PATH_MAX];
    RUN(path_of_fd(fd, full), syscall(SYS_syncfs, fd), .kind = SYNC_ALL, .path = full);
}

void sync(void)
{
    struct operation operation = {.kind = SYNC_ALL, .path = faults_root};
    int go = faults_root ? before(&operation) : 0;
    syscall(SYS_sync);
    after(go, &operation, 0);
}
