#define _GNU_SOURCE
#include "CCalls.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

const int32_t calls_o_path = O_PATH;
const int32_t calls_o_tmpfile = O_TMPFILE;
const int32_t calls_o_direct = O_DIRECT;
const int32_t calls_o_noatime = O_NOATIME;
const int32_t calls_o_directory = O_DIRECTORY;
const int32_t calls_o_nofollow = O_NOFOLLOW;
const int32_t calls_seek_data = SEEK_DATA;
const int32_t calls_seek_hole = SEEK_HOLE;
const int64_t calls_utime_now = UTIME_NOW;
const int64_t calls_utime_omit = UTIME_OMIT;

int calls_be(uid_t user, gid_t group, const char *directory) {
    if (unshare(CLONE_FS) != 0) return -1;
    // Each of both users may be the only one who can enter it.
    const int entered = chdir(directory);
    // Raw: the C library's functions would change every thread of the process.
    if (group != (gid_t)-1) {
        if (syscall(SYS_setgroups, 0, NULL) != 0) return -1;
        if (syscall(SYS_setresgid, group, group, group) != 0) return -1;
    }
    if (user != (uid_t)-1 && syscall(SYS_setresuid, user, user, user) != 0) return -1;
    umask(022);
    return entered == 0 ? 0 : chdir(directory);
}

int calls_own_descriptors(void) { return unshare(CLONE_FILES); }

int calls_rename(const char *from, const char *to, uint32_t flags) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

int calls_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    return fallocate(descriptor, mode, offset, length);
}

ssize_t calls_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t count) {
    off_t source = from_offset;
    off_t target = to_offset;
    return copy_file_range(from, &source, to, &target, count, 0);
}

int calls_lock(int descriptor, char kind, int64_t start, int64_t length) {
    struct flock lock = {
        .l_type = kind == 'r' ? F_RDLCK : kind == 'w' ? F_WRLCK : F_UNLCK,
        .l_whence = SEEK_SET,
        .l_start = start,
        .l_len = length,
    };
    return fcntl(descriptor, F_SETLK, &lock);
}

ssize_t calls_get_attribute(const char *path, const char *name) {
    return getxattr(path, name, NULL, 0);
}
