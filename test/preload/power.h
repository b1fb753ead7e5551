/* What a power cut would take: see power.c. */
#ifndef POWER_H
#define POWER_H
#include <sys/types.h>

void power_start(const char *path);

/* A file below the data directory begins empty. */
void power_created(int fd);

/* Before and after `count` bytes of a file are overwritten; `durable`: by a write that is its own sync. */
int power_before_write(int fd, size_t count, off64_t offset);
void power_after_write(int write, int durable);

/* Before and after a sync that succeeds. */
off64_t power_before_sync(int fd);
void power_after_sync(int fd, off64_t size);
#endif
