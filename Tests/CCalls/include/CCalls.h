// System calls that tests make and the product does not, and what the C library hides from Swift.
#ifndef LOCI_CCALLS_H
#define LOCI_CCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

extern const int32_t calls_o_path;
extern const int32_t calls_o_tmpfile;
extern const int32_t calls_o_direct;
extern const int32_t calls_o_noatime;
extern const int32_t calls_o_directory;
extern const int32_t calls_o_nofollow;
extern const int32_t calls_seek_data;
extern const int32_t calls_seek_hole;
extern const int64_t calls_utime_now;
extern const int64_t calls_utime_omit;

// Gives the calling thread, and no other of the process, a working directory and a umask of its own
// and, unless they are -1, another user and group without further groups.
int calls_be(uid_t user, gid_t group, const char *directory);
// Gives the calling thread descriptors of its own: it owns its record locks, as a process does.
int calls_own_descriptors(void);

int calls_rename(const char *from, const char *to, uint32_t flags);
int calls_fallocate(int descriptor, int mode, int64_t offset, int64_t length);
ssize_t calls_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t count);
// A record lock ('r', 'w') or its end ('u'), without waiting.
int calls_lock(int descriptor, char kind, int64_t start, int64_t length);
// The size of an extended attribute.
ssize_t calls_get_attribute(const char *path, const char *name);

#endif
