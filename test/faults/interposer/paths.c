/* Which file a call is about. */
#define _GNU_SOURCE
#include "faults.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int below_root(const char *path)
{
    size_t length = strlen(faults_root);
    return strncmp(path, faults_root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

int path_of_fd(int fd, char out[PATH_MAX])
{
    char link[64];
    if (!faults_root)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    if (length <= 0)
        return 0;
    out[length] = 0;
    return below_root(out);
}

int absolute(int dir, const char *path, char out[PATH_MAX])
{
    char raw[2 * PATH_MAX], link[64];
    size_t length = 0;
    if (!faults_root || !path)
        return 0;
    if (path[0] != '/') {
        if (dir == AT_FDCWD)
            strcpy(link, "/proc/self/cwd");
        else
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t read = syscall(SYS_readlinkat, AT_FDCWD, link, raw, PATH_MAX - 2);
        if (read <= 0)
            return 0;
        length = read;
        raw[length++] = '/';
    }
    if (length + strlen(path) >= sizeof raw)
        return 0;
    strcpy(raw + length, path);

    size_t end = 0;
    char *rest, *part = strtok_r(raw, "/", &rest);
    for (; part; part = strtok_r(NULL, "/", &rest)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            while (end > 0 && out[--end] != '/')
                ;
            continue;
        }
        if (end + strlen(part) + 2 > PATH_MAX)
            return 0;
        out[end++] = '/';
        strcpy(out + end, part);
        end += strlen(part);
    }
    out[end] = 0;
    return below_root(out);
}
