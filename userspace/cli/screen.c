// SPDX-License-Identifier: LGPL-2.1-or-later
/* The screen of framepool top. */
#include <inttypes.h>
#include <ncurses.h>
#include <stdlib.h>
#include <unistd.h>

#include "screen.h"

enum { BAR_WIDTH = 40, LINE_MAX_BYTES = 256 };

static SCREEN *terminal;

/* At most seven characters: rounded, but precise enough to compare. */
static char *short_size(uint64_t bytes, char text[16])
{
	static const char units[] = " KMGTPE";
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (!unit)
		snprintf(text, 16, "%.0f", value);
	else
		snprintf(text, 16,
			 value < 100 && value != (double)(uint64_t)value ? "%.1f%c" : "%.0f%c",
			 value, units[unit]);
	return text;
}

/* Text beyond the screen is cut off. */
__attribute__((format(printf, 2, 3)))
static void line(int row, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	if (row >= LINES)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	mvaddnstr(row, 0, text, COLS);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? (double)part * 100 / (double)whole : 0;
}

static void draw_bar(int row, const char *what, uint64_t part, uint64_t whole)
{
	double share = percent(part, whole);
	int filled = (int)(share * BAR_WIDTH / 100 + 0.5);
	char bar[BAR_WIDTH + 1], size[16];

	if (!filled && part)
		filled = 1;
	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : ' ';
	bar[BAR_WIDTH] = '\0';
	line(row, "%-8s[%s] %5.1f%% %8s", what, bar, share, short_size(part, size));
}

static double unusable(const struct scene *scene, uint64_t bytes)
{
	unsigned int order = 0;

	while (scene->frame_bytes << order < bytes)
		order++;
	return framepool_stats_unusable_index(scene->stats, order) / 10.0;
}

static void draw_pool(const struct scene *scene)
{
	const struct framepool_stats *stats = scene->stats;
	uint64_t total = framepool_stats_total_bytes(stats);
	char size[16];

	attron(A_REVERSE);
	line(0, "framepool top: pool %s, total %s; every %.1f s; q quits%*s", scene->pool,
	     short_size(total, size), scene->interval, COLS, "");
	attroff(A_REVERSE);
	draw_bar(2, "used", framepool_stats_used_bytes(stats), total);
	draw_bar(3, "free", framepool_stats_free_bytes(stats), total);
	draw_bar(4, "waiting", framepool_stats_quarantined_bytes(stats), total);
	line(6, "clients %-6" PRIu64 " buffers %-9" PRIu64
	     " alloc/s %-9.0f free/s %-9.0f fail/s %.0f",
	     framepool_stats_clients(stats), framepool_stats_buffers(stats), scene->rates.allocs,
	     scene->rates.frees, scene->rates.fails);
	line(7, "largest free run %-8s unusable for 64K %.1f%%, 2M %.1f%%, 32M %.1f%%",
	     short_size(framepool_stats_largest_bytes(stats), size), unusable(scene, 64 << 10),
	     unusable(scene, 2 << 20), unusable(scene, 32 << 20));
	line(8, "moved/s %-9s buffers moved/s %-6.0f refused/s %.0f",
	     short_size((uint64_t)scene->rates.moved_bytes, size), scene->rates.moves,
	     scene->rates.refused);
}

static void draw_clients(const struct scene *scene)
{
	char held[16], mapped[16];
	int row = 10;

	if (!scene->has_clients) {
		line(row, "Only root may see the clients.");
		return;
	}
	attron(A_BOLD);
	line(row++, "%8s %10s %8s %8s %8s  %s", "PID", "UID", "BUFFERS", "HELD", "MAPPED", "NAME");
	attroff(A_BOLD);
	for (size_t i = 0; i < scene->clients.count && row < LINES; i++) {
		const struct client *client = &scene->clients.clients[i];

		line(row++, "%8d %10u %8" PRIu64 " %8s %8s  %s", client->pid, client->uid,
		     client->buffers, short_size(client->held_bytes, held),
		     short_size(client->mapped_bytes, mapped), client->comm);
	}
}

int screen_open(void)
{
	const char *type = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail("top needs a terminal; 'framepool watch' needs none");
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return fail("the terminal '%s' is unknown here: set TERM", type ? type : "");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	return EXIT_OK;
}

void screen_draw(const struct scene *scene)
{
	erase();
	draw_pool(scene);
	draw_clients(scene);
	refresh();
}

bool screen_wait(double seconds, bool *redraw)
{
	int key;

	timeout(seconds > 0 ? (int)(seconds * 1000) : 0);
	key = getch();
	*redraw = key == KEY_RESIZE;
	return key == 'q' || key == 'Q';
}

void screen_close(void)
{
	endwin();
	delscreen(terminal);
}
