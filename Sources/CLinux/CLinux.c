#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const int32_t clinux_o_tmpfile = O_TMPFILE;
const int32_t clinux_o_path = O_PATH;
const int32_t clinux_o_directory = O_DIRECTORY;
const int32_t clinux_o_nofollow = O_NOFOLLOW;
const int32_t clinux_o_noatime = O_NOATIME;
const int32_t clinux_o_cloexec = O_CLOEXEC;

const int32_t clinux_at_fdcwd = AT_FDCWD;
const int32_t clinux_at_empty_path = AT_EMPTY_PATH;
const int32_t clinux_at_symlink_nofollow = AT_SYMLINK_NOFOLLOW;
const int32_t clinux_at_symlink_follow = AT_SYMLINK_FOLLOW;
const int32_t clinux_at_removedir = AT_REMOVEDIR;
const int32_t clinux_at_statx_dont_sync = AT_STATX_DONT_SYNC;

const uint32_t clinux_rename_noreplace = RENAME_NOREPLACE;
const uint32_t clinux_rename_exchange = RENAME_EXCHANGE;

const int32_t clinux_advice_sequential = POSIX_FADV_SEQUENTIAL;
const int32_t clinux_advice_willneed = POSIX_FADV_WILLNEED;
const int32_t clinux_advice_dontneed = POSIX_FADV_DONTNEED;

const int32_t clinux_seek_data = SEEK_DATA;
const int32_t clinux_seek_hole = SEEK_HOLE;

const int32_t clinux_fallocate_keep_size = FALLOC_FL_KEEP_SIZE;
const int32_t clinux_fallocate_punch_hole = FALLOC_FL_PUNCH_HOLE;

const uint8_t clinux_dt_unknown = DT_UNKNOWN;
const uint8_t clinux_dt_regular = DT_REG;
const uint8_t clinux_dt_directory = DT_DIR;
const uint8_t clinux_dt_symlink = DT_LNK;

const uint32_t clinux_in_attrib = IN_ATTRIB;
const uint32_t clinux_in_modify = IN_MODIFY;
const uint32_t clinux_in_close_write = IN_CLOSE_WRITE;

static const int64_t second = 1000000000;

static struct timespec timespec_of(int64_t nanoseconds) {
    int64_t seconds = nanoseconds / second;
    int64_t rest = nanoseconds % second;
    if (rest < 0) {
        rest += second;
        seconds -= 1;
    }
    return (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

int clinux_open_beneath(int directory, const char *path, int flags, uint32_t mode,
                        bool only_if_cached) {
    int creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t)(uint32_t)flags,
        .mode = creates ? mode : 0,  // openat2 refuses a mode that it would not use
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | (only_if_cached ? RESOLVE_CACHED : 0),
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

ssize_t clinux_read_cached(int descriptor, void *buffer, size_t size, off_t offset) {
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    return preadv2(descriptor, &part, 1, offset, RWF_NOWAIT);
}

int clinux_openat(int directory, const char *path, int flags, uint32_t mode) {
    return openat(directory, path, flags, mode);
}

static int64_t nanoseconds_of(struct statx_timestamp time) {
    return time.tv_sec * second + time.tv_nsec;
}

int clinux_statx(int directory, const char *path, int flags, struct clinux_status *result) {
    struct statx raw;
    if (statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0) return -1;
    *result = (struct clinux_status){
        .mode = raw.stx_mode,
        .link_count = raw.stx_nlink,
        .uid = raw.stx_uid,
        .gid = raw.stx_gid,
        .inode = raw.stx_ino,
        .device = ((uint64_t)raw.stx_dev_major << 32) | raw.stx_dev_minor,
        .size = (int64_t)raw.stx_size,
        .blocks = (int64_t)raw.stx_blocks,
        .access_time = nanoseconds_of(raw.stx_atime),
        .modification_time = nanoseconds_of(raw.stx_mtime),
        .change_time = nanoseconds_of(raw.stx_ctime),
        .birth_time = (raw.stx_mask & STATX_BTIME) ? nanoseconds_of(raw.stx_btime) : 0,
    };
    return 0;
}

int clinux_renameat2(int old_directory, const char *old_path, int new_directory,
                     const char *new_path, uint32_t flags) {
    return renameat2(old_directory, old_path, new_directory, new_path, flags);
}

int clinux_set_times(int directory, const char *path, int64_t access_time,
                     int64_t modification_time, int flags) {
    struct timespec times[2] = {timespec_of(access_time), timespec_of(modification_time)};
    if (access_time == INT64_MIN) times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    if (modification_time == INT64_MIN) times[1] = (struct timespec){.tv_nsec = UTIME_OMIT};
    if (path == NULL) return futimens(directory, times);
    return utimensat(directory, path, times, flags);
}

int clinux_syncfs(int descriptor) { return syncfs(descriptor); }

int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    return fallocate(descriptor, mode, offset, length);
}

int clinux_advise(int descriptor, int64_t offset, int64_t length, int advice) {
    int result = posix_fadvise(descriptor, offset, length, advice);
    if (result == 0) return 0;
    errno = result;
    return -1;
}

int clinux_clone(int from, int to) { return ioctl(to, FICLONE, from); }

ssize_t clinux_copy_range(int from, int to, size_t count) {
    return copy_file_range(from, NULL, to, NULL, count, 0);
}

ssize_t clinux_copy_range_at(int from, int64_t from_offset, int to, int64_t to_offset,
                             size_t count) {
    off_t source = from_offset, target = to_offset;
    return copy_file_range(from, &source, to, &target, count, 0);
}

void *clinux_map(int descriptor, int64_t offset, size_t count, int writable) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *start = mmap(NULL, count, protection, MAP_SHARED, descriptor, offset);
    return start == MAP_FAILED ? NULL : start;
}

int clinux_map_sync(void *start, size_t count) { return msync(start, count, MS_SYNC); }

int clinux_unmap(void *start, size_t count) { return munmap(start, count); }

int clinux_space(int descriptor, struct clinux_space *result) {
    struct statvfs raw;
    if (fstatvfs(descriptor, &raw) != 0) return -1;
    *result = (struct clinux_space){
        .block_size = raw.f_frsize,
        .total_blocks = raw.f_blocks,
        .available_blocks = raw.f_bavail,
        .free_blocks = raw.f_bfree,
        .total_files = raw.f_files,
        .free_files = raw.f_ffree,
    };
    return 0;
}

ssize_t clinux_getdents(int descriptor, void *buffer, size_t size) {
    return getdents64(descriptor, buffer, size);
}

struct clinux_directory_record clinux_record(const void *buffer, size_t offset) {
    const struct dirent64 *entry = (const void *)((const char *)buffer + offset);
    return (struct clinux_directory_record){
        .inode = entry->d_ino,
        .cookie = entry->d_off,
        .name_offset = offset + offsetof(struct dirent64, d_name),
        .name_length = strlen(entry->d_name),
        .record_length = entry->d_reclen,
        .type = entry->d_type,
    };
}

static struct flock whole_file(int type) {
    return (struct flock){.l_type = (short)type, .l_whence = SEEK_SET};
}

int clinux_lock(int descriptor, int exclusive, int wait) {
    struct flock lock = whole_file(exclusive ? F_WRLCK : F_RDLCK);
    return fcntl(descriptor, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}

int clinux_unlock(int descriptor) {
    struct flock lock = whole_file(F_UNLCK);
    return fcntl(descriptor, F_OFD_SETLK, &lock);
}

int clinux_lock_conflicts(int descriptor, int exclusive) {
    struct flock lock = whole_file(exclusive ? F_WRLCK : F_RDLCK);
    if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return -1;
    return lock.l_type == F_UNLCK ? 0 : 1;
}

int clinux_duplicate(int descriptor, int minimum) {
    return fcntl(descriptor, F_DUPFD_CLOEXEC, minimum);
}

int clinux_pipe(int descriptors[2]) { return pipe2(descriptors, O_CLOEXEC); }

int clinux_eventfd(uint32_t count) { return eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_socket_pair(int descriptors[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, descriptors);
}

static int socket_at(const char *path, int (*act)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    if (act(descriptor, (const struct sockaddr *)&address, sizeof address) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int clinux_listen(const char *path) {
    int descriptor = socket_at(path, bind);
    if (descriptor < 0 || listen(descriptor, 4) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int clinux_connect(const char *path) { return socket_at(path, connect); }

int clinux_accept(int descriptor) { return accept4(descriptor, NULL, NULL, SOCK_CLOEXEC); }

int clinux_peer_user(int descriptor, uid_t *user) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    *user = peer.uid;
    return 0;
}

enum { most_passed = 8 };

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(most_passed * sizeof(int))];
};

ssize_t clinux_send_message(int descriptor, const void *bytes, size_t size, const int *passed,
                            size_t count) {
    union control control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > most_passed) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), passed, count * sizeof(int));
    }
    return sendmsg(descriptor, &message, MSG_NOSIGNAL);
}

ssize_t clinux_receive_message(int descriptor, void *bytes, size_t size, int passed[8],
                               size_t *count) {
    union control control = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t received = recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC);
    *count = 0;
    if (received < 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(passed, CMSG_DATA(header), *count * sizeof(int));
    }
    return received;
}

int clinux_keep_only(int descriptor) {
    if (unshare(CLONE_FILES) != 0) return -1;
    if (descriptor > 3 && syscall(SYS_close_range, 3, descriptor - 1, 0) != 0) return -1;
    return (int)syscall(SYS_close_range, descriptor < 3 ? 3 : descriptor + 1, ~0u, 0);
}

int clinux_inotify(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

int clinux_inotify_watch(int descriptor, const char *path, uint32_t mask) {
    return inotify_add_watch(descriptor, path, mask);
}

int clinux_poll(const int *descriptors, const int16_t *wanted, int16_t *seen, size_t count,
                int64_t timeout_nanoseconds) {
    struct pollfd few[8];
    struct pollfd *all = count <= 8 ? few : calloc(count, sizeof *all);
    if (all == NULL) return -1;
    for (size_t index = 0; index < count; index++)
        all[index] = (struct pollfd){.fd = descriptors[index], .events = wanted[index]};
    struct timespec timeout = timespec_of(timeout_nanoseconds);
    int result = ppoll(all, count, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
    int error = errno;
    for (size_t index = 0; index < count; index++)
        seen[index] = result > 0 ? all[index].revents : 0;
    if (all != few) free(all);
    errno = error;
    return result;
}

static sigset_t set_of(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < count; index++) sigaddset(&set, signals[index]);
    return set;
}

int clinux_block_signals(const int *signals, size_t count) {
    sigset_t set = set_of(signals, count);
    int result = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (result == 0) return 0;
    errno = result;
    return -1;
}

int clinux_signalfd(const int *signals, size_t count) {
    sigset_t set = set_of(signals, count);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int clinux_next_signal(int descriptor) {
    struct signalfd_siginfo info;
    ssize_t count = read(descriptor, &info, sizeof info);
    if (count < 0) return -1;
    if (count != sizeof info) {
        errno = EIO;
        return -1;
    }
    return (int)info.ssi_signo;
}

static volatile int notes = -1;

static void note(int signal_number) {
    int saved = errno;
    unsigned char byte = (unsigned char)signal_number;
    // A full pipe has notes enough.
    if (write(notes, &byte, 1) < 0) errno = saved;
    errno = saved;
}

int clinux_note_signal(int signal_number, int descriptor) {
    struct sigaction known;
    if (sigaction(signal_number, NULL, &known) != 0) return -1;
    if (known.sa_handler == SIG_IGN) return 0;
    notes = descriptor;
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    return sigaction(signal_number, &action, NULL);
}

int clinux_die_of_signal(int signal_number) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    if (sigaction(signal_number, &standard, NULL) != 0) return -1;
    return kill(getpid(), signal_number);
}

int clinux_ignore_signal(int signal_number) {
    return signal(signal_number, SIG_IGN) == SIG_ERR ? -1 : 0;
}

ssize_t clinux_random(void *buffer, size_t size) { return getrandom(buffer, size, 0); }

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * second + time.tv_nsec;
}

int64_t clinux_clock_monotonic(void) { return now(CLOCK_MONOTONIC); }
int64_t clinux_clock_realtime(void) { return now(CLOCK_REALTIME); }

void clinux_sleep(int64_t nanoseconds) {
    struct timespec rest = timespec_of(nanoseconds);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) == EINTR) {}
}

int clinux_thread_id(void) { return gettid(); }

const char *clinux_errno_name(int number) { return strerrorname_np(number); }

void clinux_errno_description(int number, char *buffer, size_t size) {
    const char *text = strerror_r(number, buffer, size);  // the GNU one: it may not use buffer
    if (text != buffer) {
        strncpy(buffer, text, size - 1);
        buffer[size - 1] = 0;
    }
}

int clinux_thread_start(unsigned long *thread, const char *name, void *(*body)(void *),
                        void *context) {
    int result = pthread_create(thread, NULL, body, context);
    if (result != 0) {
        errno = result;
        return -1;
    }
    pthread_setname_np(*thread, name);
    return 0;
}

int clinux_thread_join(unsigned long thread) {
    int result = pthread_join(thread, NULL);
    if (result == 0) return 0;
    errno = result;
    return -1;
}

int clinux_thread_detach(unsigned long thread) { return pthread_detach(thread); }

static int fill_attributes(posix_spawnattr_t *attributes, int new_session) {
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (new_session) flags |= POSIX_SPAWN_SETSID;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int result = posix_spawnattr_setflags(attributes, flags);
    if (result == 0) result = posix_spawnattr_setsigmask(attributes, &none);
    if (result == 0) result = posix_spawnattr_setsigdefault(attributes, &all);
    return result;
}

static int fill_actions(posix_spawn_file_actions_t *actions, const int *sources,
                        const int *targets, size_t count, const char *directory) {
    int result = directory ? posix_spawn_file_actions_addchdir_np(actions, directory) : 0;
    int highest = 2;
    for (int standard = 0; standard <= 2 && result == 0; standard++) {
        int named = 0;
        for (size_t index = 0; index < count; index++) named |= targets[index] == standard;
        if (!named)
            result = posix_spawn_file_actions_addopen(actions, standard, "/dev/null", O_RDWR, 0);
    }
    for (size_t index = 0; index < count && result == 0; index++) {
        if (targets[index] > highest) highest = targets[index];
        result = posix_spawn_file_actions_adddup2(actions, sources[index], targets[index]);
    }
    if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
    return result;
}

int clinux_spawn(pid_t *pid, const char *executable, char *const arguments[],
                 char *const environment[], const int *sources, const int *targets, size_t count,
                 const char *directory, int new_session) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int result = posix_spawnattr_init(&attributes);
    if (result == 0) {
        result = posix_spawn_file_actions_init(&actions);
        if (result == 0) {
            result = fill_attributes(&attributes, new_session);
            if (result == 0) result = fill_actions(&actions, sources, targets, count, directory);
            if (result == 0)
                result = posix_spawn(pid, executable, &actions, &attributes, arguments,
                                     environment ? environment : environ);
            posix_spawn_file_actions_destroy(&actions);
        }
        posix_spawnattr_destroy(&attributes);
    }
    if (result == 0) return 0;
    errno = result;
    return -1;
}

int clinux_forbid_core(void) { return prctl(PR_SET_DUMPABLE, 0); }

// What runs in the child of clinux_spawn_guarded, in the parent's memory: nothing here may allocate,
// lock, or return.
static _Noreturn void become(const char *executable, char *const arguments[],
                             char *const environment[], const int sources[3], pid_t parent,
                             volatile int *error) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &standard, NULL);
    setpgid(0, 0);
    // The parent may be gone already: then nobody would send the signal.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(127);
    int failed = 0;
    for (int target = 0; target <= 2; target++) failed |= dup2(sources[target], target) < 0;
    if (!failed && syscall(SYS_close_range, 3, ~0u, 0) != 0)
        for (int descriptor = 3; descriptor < 1024; descriptor++) close(descriptor);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!failed) execve(executable, arguments, environment);
    *error = errno;
    _exit(127);
}

int clinux_spawn_guarded(pid_t *pid, const char *executable, char *const arguments[],
                         char *const environment[], const int sources[3]) {
    volatile int error = 0;
    sigset_t all, before;
    sigfillset(&all);
    pid_t parent = getpid();
    // No handler may run in the child while it has the parent's memory.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = vfork();
    if (child == 0)
        become(executable, arguments, environment ? environment : environ, sources, parent, &error);
    int cause = child < 0 ? errno : error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child >= 0 && cause != 0) waitpid(child, NULL, 0);
    if (cause == 0) {
        *pid = child;
        return 0;
    }
    errno = cause;
    return -1;
}

int clinux_has_ended(pid_t pid) {
    siginfo_t info = {0};
    if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return -1;
    return info.si_pid == pid;
}

int clinux_open_process(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int clinux_wait(pid_t pid, int wait) {
    int status = 0;
    pid_t result = waitpid(pid, &status, wait ? 0 : WNOHANG);
    if (result < 0) return -1;
    if (result == 0) return -2;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

int clinux_set_file_user(uint32_t user) { return setfsuid(user); }

int clinux_set_file_group(uint32_t group) { return setfsgid(group); }
