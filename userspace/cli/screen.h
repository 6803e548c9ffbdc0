/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The screen of framepool top. */
#ifndef FRAMEPOOL_CLI_SCREEN_H
#define FRAMEPOOL_CLI_SCREEN_H

#include "client.h"
#include "sample.h"

/**
 * struct scene - what the screen shows
 * @pool: name of the pool
 * @frame_bytes: size of a frame
 * @interval: seconds between two samples
 * @stats: the last sample
 * @rates: the rates between the last two samples
 * @clients: the biggest first
 * @has_clients: whether the clients may be shown
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
 * screen_open - take over the terminal
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int screen_open(void);

/**
 * screen_draw - draw as much as fits on the screen
 * @scene: what to draw
 */
void screen_draw(const struct scene *scene);

/**
 * screen_wait - wait for a key
 * @seconds: the longest time to wait
 * @redraw: set to whether the size of the screen has changed
 *
 * Return: whether the key was q. A signal ends the wait, too.
 */
bool screen_wait(double seconds, bool *redraw);

/**
 * screen_close - restore the terminal
 */
void screen_close(void);

#endif
