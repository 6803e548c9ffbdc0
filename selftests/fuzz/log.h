/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the kernel's log has lines that fail a run. */
#ifndef FRAMEPOOL_FUZZ_LOG_H
#define FRAMEPOOL_FUZZ_LOG_H

#include <regex.h>

#include "../common.h"

/* The patterns of scripts/lab, which the lab copies there. */
#define LOG_PATTERNS	"/log-patterns"

/**
 * struct log - the kernel's log from when it was opened
 * @fd: descriptor of /dev/kmsg
 * @nr: number of patterns
 * @patterns: what no line may match
 */
struct log {
	int fd;
	int nr;
	regex_t patterns[64];
};

static inline bool log_open(struct log *log)
{
	FILE *file = fopen(LOG_PATTERNS, "re");
	char line[256];

	log->nr = 0;
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!file || log->fd < 0 || lseek(log->fd, 0, SEEK_END) < 0)
		return false;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (log->nr == 64 ||
		    regcomp(&log->patterns[log->nr], line, REG_EXTENDED | REG_NOSUB))
			return false;
		log->nr++;
	}
	fclose(file);
	return log->nr;
}

/* Whether no line since the last call matches a pattern. */
static inline bool log_is_clean(struct log *log)
{
	char record[4096];
	bool clean = true;
	ssize_t length;
	int i;

	/* EPIPE: some records were overwritten before they were read. The host checks them all. */
	while ((length = read(log->fd, record, sizeof(record) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		record[length > 0 ? length : 0] = '\0';
		for (i = 0; i < log->nr; i++) {
			if (regexec(&log->patterns[i], record, 0, NULL, 0))
				continue;
			fprintf(stderr, "# kernel: %s", strchr(record, ';') ?: record);
			clean = false;
			break;
		}
	}
	return clean;
}

#endif
