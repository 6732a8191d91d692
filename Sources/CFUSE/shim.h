// libfuse's low-level API and the kernel's FUSE and fanotify structures, as Swift sees them.
// _FILE_OFFSET_BITS must not be set here: clang then finds two definitions of `struct flock`.
#ifndef LOCI_CFUSE_SHIM_H
#define LOCI_CFUSE_SHIM_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/stat.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <unistd.h>

// The layout of FUSE_NOTIFY_INVAL_ENTRY since Linux 6.2. Older headers call `flags` padding, so
// it is declared here; older kernels ignore it and invalidate, which is the wanted fallback.
struct loci_notify_inval_entry {
    uint64_t parent;
    uint32_t namelen;
    uint32_t flags;
};

// Newer than the headers of most distributions (Linux 6.9 and 6.17).
static const int32_t loci_notify_resend = 7;
static const int32_t loci_notify_inc_epoch = 8;
static const uint32_t loci_expire_only = 1;

// Hidden behind _GNU_SOURCE, which Swift's Glibc module does not set.
int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline);

// statx(2) is hidden likewise. Stores the inode number of an open file, from what the kernel has
// at hand, without a request to its file system; 0, or -1 with errno.
static inline int loci_cached_inode(int file, uint64_t *inode) {
    struct statx found;
    int dont_sync = 0x4000;   // AT_STATX_DONT_SYNC
    int empty_path = 0x1000;  // AT_EMPTY_PATH
    long result = syscall(SYS_statx, file, "", dont_sync | empty_path, STATX_INO, &found);
    if (result == 0) *inode = found.stx_ino;
    return (int)result;
}

#endif
