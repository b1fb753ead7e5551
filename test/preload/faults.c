/*
 * Preloaded into a server (LD_PRELOAD): makes its clocks run at another rate, and its syncs slow, hanging or failing. What is in
 * force stands in a file that TNL_FAULTS names, which is mapped and which the harness writes; offsets as in preload.ts.
 * Syncs: fsync, fdatasync, and writes to files that were opened with O_DSYNC, below the directory TNL_FAULTS_DIR.
 * What is written there and not synced is booked for a power cut: power.c.
 * Clocks: clock_gettime, gettimeofday, time, and /proc/uptime, which the server reads as its boot clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "power.h"

struct block {
  int32_t sync_delay_ms;
  int32_t sync_errno;
  /* How much faster than true the clocks run, in millionths. */
  int32_t drift_ppm;
  int32_t wall_offset_ms;
  /* Not 0: syncs hang, until it is 0 again. */
  int32_t sync_hang;
};

/* How often a sync that hangs looks whether it still must. */
#define HANG_STEP_US 2000

static const struct block none;
static const volatile struct block *faults = &none;
static char dir[PATH_MAX];
static int uptime_fd = -1;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_open64)(const char *, int, ...);
static FILE *(*real_fopen64)(const char *, const char *);
static ssize_t (*real_pread64)(int, void *, size_t, off64_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void start(void) {
  real_clock_gettime = REAL(clock_gettime);
  real_fsync = REAL(fsync);
  real_fdatasync = REAL(fdatasync);
  real_open64 = REAL(open64);
  real_fopen64 = REAL(fopen64);
  real_pread64 = REAL(pread64);
  real_pwrite64 = REAL(pwrite64);
  const char *path = getenv("TNL_FAULTS");
  const char *below = getenv("TNL_FAULTS_DIR");
  if (path == NULL || below == NULL || realpath(below, dir) == NULL) return;
  int fd = real_open64(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof(struct block), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) faults = map;
  const char *power = getenv("TNL_POWER");
  if (power != NULL) power_start(power);
}

/* ------------------------------------------------------------------------------------------- disk */

static int is_below(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, dir, strlen(dir)) == 0;
}

/* Returns -1 with errno set if this sync shall fail. */
static int before_sync(int fd) {
  int32_t delay_ms = faults->sync_delay_ms, error = faults->sync_errno;
  if ((delay_ms == 0 && error == 0 && faults->sync_hang == 0) || !is_below(fd)) return 0;
  while (faults->sync_hang != 0) usleep(HANG_STEP_US);
  if (delay_ms > 0) usleep((useconds_t)delay_ms * 1000);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

static int synced(int fd, int (*sync)(int)) {
  if (before_sync(fd) < 0) return -1;
  off64_t size = power_before_sync(fd);
  int result = sync(fd);
  if (result == 0) power_after_sync(fd, size);
  return result;
}

int fsync(int fd) { return synced(fd, real_fsync); }

int fdatasync(int fd) { return synced(fd, real_fdatasync); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  if (faults == &none || !is_below(fd)) return real_pwrite64(fd, bytes, count, offset);
  int durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  int write = power_before_write(fd, count, offset);
  if (durable && before_sync(fd) < 0) return -1;
  ssize_t length = real_pwrite64(fd, bytes, count, offset);
  power_after_write(write, durable && length == (ssize_t)count);
  return length;
}

FILE *fopen64(const char *path, const char *mode) {
  FILE *file = real_fopen64(path, mode);
  if (file != NULL && mode[0] == 'w' && is_below(fileno(file))) power_created(fileno(file));
  return file;
}

/* ------------------------------------------------------------------------------------------ clocks */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* How far all clocks of this process are ahead of true time, at the true monotonic time `since_ns`. */
static int64_t ahead_ns, since_ns;
static int32_t drift_ppm;

static int64_t to_ns(const struct timespec *time) { return time->tv_sec * 1000000000LL + time->tv_nsec; }

/* The drift adds up from when it is in force: no clock ever jumps or goes back by it. */
static int64_t ahead(void) {
  struct timespec now;
  real_clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t now_ns = to_ns(&now);
  pthread_mutex_lock(&lock);
  if (since_ns == 0) since_ns = now_ns;
  ahead_ns += (now_ns - since_ns) / 1000 * drift_ppm / 1000;
  since_ns += (now_ns - since_ns) / 1000 * 1000;
  drift_ppm = faults->drift_ppm;
  int64_t result = ahead_ns;
  pthread_mutex_unlock(&lock);
  return result;
}

static void add_ns(struct timespec *time, int64_t ns) {
  int64_t sum = to_ns(time) + ns;
  time->tv_sec = sum / 1000000000LL;
  time->tv_nsec = sum % 1000000000LL;
}

static int64_t wall_ns(void) { return ahead() + faults->wall_offset_ms * 1000000LL; }

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = real_clock_gettime(clock, time);
  if (result != 0 || faults == &none) return result;
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      add_ns(time, wall_ns());
      break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
      add_ns(time, ahead());
      break;
  }
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int fd = real_open64(path, flags, mode);
  if (strcmp(path, "/proc/uptime") == 0) uptime_fd = fd;
  if (fd >= 0 && (flags & O_TRUNC) != 0 && is_below(fd)) power_created(fd);
  return fd;
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
  ssize_t length = real_pread64(fd, bytes, count, offset);
  if (fd != uptime_fd || length <= 0 || offset != 0 || faults == &none) return length;
  char text[64];
  double uptime = 0;
  snprintf(text, sizeof text, "%.*s", (int)length, (char *)bytes);
  if (sscanf(text, "%lf", &uptime) != 1) return length;
  /* Rounded down, as the kernel does: the boot clock must not seem to run ahead of the monotonic one. */
  double shown = (double)(int64_t)((uptime + ahead() / 1e9) * 100) / 100;
  length = snprintf(text, sizeof text, "%.2f 0.00\n", shown);
  if ((size_t)length > count) length = (ssize_t)count;
  memcpy(bytes, text, (size_t)length);
  return length;
}
