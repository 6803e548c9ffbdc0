/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What framepool top draws. */
#ifndef FRAMEPOOL_CLI_SCREEN_H
#define FRAMEPOOL_CLI_SCREEN_H

#include "client.h"
#include "sample.h"

/**
 * struct scene - what there is to see
 * @pool: name of the pool
 * @frame_bytes: size of a frame
 * @interval: seconds between two samples
 * @stats: the last sample
 * @rates: what happened before it
 * @clients: the biggest first
 * @has_clients: they may be shown
 */
struct scene {
	const char *pool;
	uint64_t frame_bytes;
	double interval;
	const struct framepool_stats *stats;
	struct rates rates;
	struct client_list clients;
	bool has_clients;
};

/**
 * screen_open - take the terminal over
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int screen_open(void);

/**
 * screen_draw - draw, as much as fits
 * @scene: what
 */
void screen_draw(const struct scene *scene);

/**
 * screen_wait - wait for a key
 * @seconds: how long at most
 * @redraw: set if the screen has another size now
 *
 * Return: whether it was q. A signal ends the wait too.
 */
bool screen_wait(double seconds, bool *redraw);

/**
 * screen_close - give the terminal back as it was
 */
void screen_close(void);

#endif
