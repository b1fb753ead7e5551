/*
 * Keeps book of what was written and not synced yet, in a table that TNL_POWER names and that outlives the process. After
 * a SIGKILL the harness takes it back from the files (power-cut.ts, which knows the layout): the process died, but the
 * page cache did not, and only a power cut shows who answered before the sync.
 *
 * Two things are kept of files below the data directory: of those that this process began, how much is synced (LevelDB
 * appends through stdio, whose own writes cannot be seen from here); and the old bytes below each overwrite. What is in
 * a directory counts as synced at once; so does what an earlier process of the node wrote.
 */
#define _GNU_SOURCE
#include "power.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 256
#define WRITES 64
#define WRITE_BYTES 65536

struct file {
  uint64_t inode;
  uint64_t synced_bytes;
};

struct write {
  uint64_t inode; /* 0: nothing is pending here */
  uint64_t offset;
  uint64_t length;
  uint64_t order;
  uint8_t old[WRITE_BYTES];
};

static struct table {
  struct file files[FILES];
  struct write writes[WRITES];
} *table;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t order;
static int next_file, next_write;
static ssize_t (*read_at)(int, void *, size_t, off64_t);

void power_start(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return;
  read_at = (__typeof__(read_at))dlsym(RTLD_NEXT, "pread64");
  table = map;
  memset(table, 0, sizeof *table);
}

static struct file *find(uint64_t inode) {
  for (int i = 0; i < FILES; i++)
    if (table->files[i].inode == inode) return &table->files[i];
  return NULL;
}

static void forget_writes(uint64_t inode) {
  for (int i = 0; i < WRITES; i++)
    if (table->writes[i].inode == inode) table->writes[i].inode = 0;
}

void power_created(int fd) {
  struct stat64 stat;
  if (table == NULL || fstat64(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) return;
  pthread_mutex_lock(&lock);
  /* The number may be that of a file that is gone. */
  forget_writes(stat.st_ino);
  struct file *file = find(stat.st_ino);
  if (file == NULL) file = &table->files[next_file++ % FILES];
  file->synced_bytes = 0;
  file->inode = stat.st_ino;
  pthread_mutex_unlock(&lock);
}

/* Which of the writes it is, or -1: of what is appended the length of the file tells enough. */
int power_before_write(int fd, size_t count, off64_t offset) {
  struct stat64 stat;
  if (table == NULL || count > WRITE_BYTES || fstat64(fd, &stat) != 0 || offset >= stat.st_size) return -1;
  pthread_mutex_lock(&lock);
  int number = next_write++ % WRITES;
  struct write *write = &table->writes[number];
  write->inode = 0;
  ssize_t length = read_at(fd, write->old, count, offset);
  write->offset = (uint64_t)offset;
  write->length = length < 0 ? 0 : (uint64_t)length;
  write->order = ++order;
  __atomic_store_n(&write->inode, stat.st_ino, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&lock);
  return number;
}

void power_after_write(int number, int durable) {
  if (number < 0 || !durable) return;
  __atomic_store_n(&table->writes[number].inode, 0, __ATOMIC_SEQ_CST);
}

off64_t power_before_sync(int fd) {
  struct stat64 stat;
  return table == NULL || fstat64(fd, &stat) != 0 || !S_ISREG(stat.st_mode) ? -1 : stat.st_size;
}

void power_after_sync(int fd, off64_t size) {
  struct stat64 stat;
  if (size < 0 || fstat64(fd, &stat) != 0) return;
  pthread_mutex_lock(&lock);
  forget_writes(stat.st_ino);
  struct file *file = find(stat.st_ino);
  if (file != NULL && file->synced_bytes < (uint64_t)size) file->synced_bytes = (uint64_t)size;
  pthread_mutex_unlock(&lock);
}
