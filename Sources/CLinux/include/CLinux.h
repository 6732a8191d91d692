// System calls and constants that Swift cannot import from the C library.
//
// The Glibc module is built without _GNU_SOURCE, so what Linux adds to POSIX is missing there;
// variadic functions cannot be called from Swift; and openat2 has no wrapper in glibc at all.
// Every function here answers like the call that it stands for: -1 and errno, or the result.
#ifndef LOCI_CLINUX_H
#define LOCI_CLINUX_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What one statx call tells, with times in nanoseconds since 1970.
struct clinux_status {
    uint32_t mode;
    uint32_t link_count;
    uint32_t uid;
    uint32_t gid;
    uint64_t inode;
    uint64_t device;
    int64_t size;
    int64_t blocks;  // of 512 bytes
    int64_t access_time;
    int64_t modification_time;
    int64_t change_time;
    int64_t birth_time;  // 0 where the file system records none
};

// One record of getdents64: where the name stands in the buffer, and where the next record begins.
struct clinux_directory_record {
    uint64_t inode;
    int64_t cookie;
    size_t name_offset;
    size_t name_length;
    size_t record_length;
    uint8_t type;
};

struct clinux_space {
    uint64_t block_size;
    uint64_t total_blocks;
    uint64_t available_blocks;
    uint64_t free_blocks;
    uint64_t total_files;
    uint64_t free_files;
};

extern const int32_t clinux_o_tmpfile;
extern const int32_t clinux_o_path;
extern const int32_t clinux_o_directory;
extern const int32_t clinux_o_nofollow;
extern const int32_t clinux_o_noatime;
extern const int32_t clinux_o_cloexec;

extern const int32_t clinux_at_fdcwd;
extern const int32_t clinux_at_empty_path;
extern const int32_t clinux_at_symlink_nofollow;
extern const int32_t clinux_at_symlink_follow;
extern const int32_t clinux_at_removedir;
extern const int32_t clinux_at_statx_dont_sync;

extern const uint32_t clinux_rename_noreplace;
extern const uint32_t clinux_rename_exchange;

extern const int32_t clinux_advice_sequential;
extern const int32_t clinux_advice_willneed;
extern const int32_t clinux_advice_dontneed;

extern const int32_t clinux_seek_data;
extern const int32_t clinux_seek_hole;

extern const int32_t clinux_fallocate_keep_size;
extern const int32_t clinux_fallocate_punch_hole;

extern const uint8_t clinux_dt_unknown;
extern const uint8_t clinux_dt_regular;
extern const uint8_t clinux_dt_directory;
extern const uint8_t clinux_dt_symlink;

extern const uint32_t clinux_in_attrib;
extern const uint32_t clinux_in_modify;
extern const uint32_t clinux_in_close_write;

// openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, and RESOLVE_CACHED where asked for.
int clinux_open_beneath(int directory, const char *path, int flags, uint32_t mode,
                        bool only_if_cached);
// preadv2 with RWF_NOWAIT: what is in memory, from `offset` on; EAGAIN where nothing is.
ssize_t clinux_read_cached(int descriptor, void *buffer, size_t size, off_t offset);
int clinux_openat(int directory, const char *path, int flags, uint32_t mode);

int clinux_statx(int directory, const char *path, int flags, struct clinux_status *result);
int clinux_renameat2(int old_directory, const char *old_path, int new_directory,
                     const char *new_path, uint32_t flags);
int clinux_set_times(int directory, const char *path, int64_t access_time,
                     int64_t modification_time, int flags);
int clinux_syncfs(int descriptor);
int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length);
int clinux_advise(int descriptor, int64_t offset, int64_t length, int advice);
int clinux_clone(int from, int to);
ssize_t clinux_copy_range(int from, int to, size_t count);
ssize_t clinux_copy_range_at(int from, int64_t from_offset, int to, int64_t to_offset,
                             size_t count);

// A shared mapping; NULL with errno where it cannot be made.
void *clinux_map(int descriptor, int64_t offset, size_t count, int writable);
int clinux_map_sync(void *start, size_t count);
int clinux_unmap(void *start, size_t count);

int clinux_space(int descriptor, struct clinux_space *result);

ssize_t clinux_getdents(int descriptor, void *buffer, size_t size);
struct clinux_directory_record clinux_record(const void *buffer, size_t offset);

// The exclusive or shared lock of the whole file that belongs to the open file description.
int clinux_lock(int descriptor, int exclusive, int wait);
int clinux_unlock(int descriptor);
// 1 when somebody else holds a lock that conflicts with the one asked for, else 0.
int clinux_lock_conflicts(int descriptor, int exclusive);

int clinux_duplicate(int descriptor, int minimum);
int clinux_pipe(int descriptors[2]);
int clinux_eventfd(uint32_t count);
// Two connected sockets that keep messages whole (SOCK_SEQPACKET).
int clinux_socket_pair(int descriptors[2]);
// A socket that takes connections at a path, or one that is connected to such a path. The path may
// have at most 107 bytes.
int clinux_listen(const char *path);
int clinux_connect(const char *path);
int clinux_accept(int descriptor);
// The user of the process at the other end.
int clinux_peer_user(int descriptor, uid_t *user);
// One message, with up to 8 descriptors.
ssize_t clinux_send_message(int descriptor, const void *bytes, size_t size, const int *passed,
                            size_t count);
// One message, its descriptors close-on-exec; 0 when the other end is gone.
ssize_t clinux_receive_message(int descriptor, void *bytes, size_t size, int passed[8],
                               size_t *count);
// Gives the calling thread a table of descriptors of its own: 0 to 2 and the one that is named.
int clinux_keep_only(int descriptor);
int clinux_inotify(void);
int clinux_inotify_watch(int descriptor, const char *path, uint32_t mask);
// poll of up to any number of descriptors; a negative timeout waits without end.
int clinux_poll(const int *descriptors, const int16_t *wanted, int16_t *seen, size_t count,
                int64_t timeout_nanoseconds);

int clinux_block_signals(const int *signals, size_t count);
int clinux_signalfd(const int *signals, size_t count);
// The next signal of a signalfd.
int clinux_next_signal(int descriptor);
int clinux_ignore_signal(int signal);
// From now on, the signal's number is written to the descriptor as one byte, instead of what the
// signal would do; nothing changes where it is ignored.
int clinux_note_signal(int signal, int descriptor);
// Lets the signal do what it does, to this process.
int clinux_die_of_signal(int signal);

ssize_t clinux_random(void *buffer, size_t size);
int64_t clinux_clock_monotonic(void);
int64_t clinux_clock_realtime(void);
void clinux_sleep(int64_t nanoseconds);
int clinux_thread_id(void);

// The user and group that the calling thread, and no other, has for files; both give the last one.
int clinux_set_file_user(uint32_t user);
int clinux_set_file_group(uint32_t group);

// "ENOSPC", or NULL for a number without a name.
const char *clinux_errno_name(int number);
// The description in the C locale's words, always terminated.
void clinux_errno_description(int number, char *buffer, size_t size);

// Starts a thread with a name of at most 15 bytes.
int clinux_thread_start(unsigned long *thread, const char *name, void *(*body)(void *),
                        void *context);
int clinux_thread_join(unsigned long thread);
int clinux_thread_detach(unsigned long thread);

// posix_spawn: descriptor sources[i] becomes targets[i]; nothing above the highest target is
// inherited; 0 to 2 are /dev/null where they are no target. Sources must lie above every target
// and above 2. A NULL environment is this process's. Signals are unblocked and have their defaults.
int clinux_spawn(pid_t *pid, const char *executable, char *const arguments[],
                 char *const *environment, const int *sources, const int *targets, size_t count,
                 const char *directory, int new_session);
// PR_SET_DUMPABLE: whatever ends this process, no core is written.
int clinux_forbid_core(void);
// vfork and exec, for a process that must not outlive the calling thread: it is killed when that
// thread ends, and leads a process group of its own. Sources become 0 to 2 and must lie above 2; all
// else as with clinux_spawn.
int clinux_spawn_guarded(pid_t *pid, const char *executable, char *const arguments[],
                         char *const environment[], const int sources[3]);
// A descriptor that is readable once the process has ended (pidfd_open).
int clinux_open_process(pid_t pid);
// 1 when the child has ended and was not waited for yet, else 0.
int clinux_has_ended(pid_t pid);
int clinux_set_nonblocking(int descriptor);
// The exit code, or 256 + the signal that ended it; -1 with errno ECHILD for no child;
// -2 when it still runs and the caller would not wait.
int clinux_wait(pid_t pid, int wait);

#endif
