// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool top: the pool and its biggest clients, live. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "output.h"
#include "sample.h"
#include "screen.h"

enum { OPTION_INTERVAL = 1 };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ NULL, 0, NULL, 0 }
};

static volatile sig_atomic_t ended_by;

static void note_signal(int number)
{
	ended_by = number;
}

/* Called after screen_open(), because ncurses sets handlers of its own. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = note_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int parse(struct cli *cli, int argc, char **argv, double *interval)
{
	int option, status = EXIT_OK;

	optind = 0;
	while (!status && (option = option_next(cli, argc, argv, options)) != OPTIONS_END)
		status = option == OPTION_INTERVAL ? interval_parse(optarg, interval) : EXIT_USAGE;
	return status ? status : option_end(argc, argv);
}

static int compare_held(const void *a, const void *b)
{
	const struct client *x = a, *y = b;

	if (x->held_bytes != y->held_bytes)
		return x->held_bytes < y->held_bytes ? 1 : -1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int read_clients(const struct cli *cli, struct scene *scene)
{
	int status;

	client_list_free(&scene->clients);
	if (!scene->has_clients)
		return EXIT_OK;
	status = client_list_read(cli, &scene->clients);
	if (!status)
		qsort(scene->clients.clients, scene->clients.count, sizeof(*scene->clients.clients),
		      compare_held);
	return status;
}

/* Waits until the next sample is due. Returns whether the command is to end. */
static bool wait_and_redraw(const struct scene *scene, double due)
{
	bool redraw;

	while (clock_now() < due && !ended_by) {
		if (screen_wait(due - clock_now(), &redraw))
			return true;
		if (redraw)
			screen_draw(scene);
	}
	return ended_by;
}

static int run(const struct cli *cli, const struct framepool *fp, struct scene *scene)
{
	struct sample old = { NULL, 0 }, new;
	int status = EXIT_OK;
	bool enough = false;

	while (!enough) {
		status = sample_take(fp, &new);
		if (!status)
			status = read_clients(cli, scene);
		if (status) {
			sample_free(&new);
			break;
		}
		scene->stats = new.stats;
		if (old.stats)
			scene->rates = sample_rates(&old, &new);
		screen_draw(scene);
		sample_free(&old);
		old = new;
		enough = wait_and_redraw(scene, new.seconds + scene->interval);
	}
	sample_free(&old);
	return status;
}

/* Messages are held back: they would appear in the middle of the screen. */
static int run_screen(const struct cli *cli, const struct framepool *fp, struct scene *scene)
{
	int status = screen_open();

	if (status)
		return status;
	catch_signals();
	message_hold();
	status = run(cli, fp, scene);
	screen_close();
	message_release();
	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	return status;
}

enum { COLUMNS = 5 };

static int show_json(const struct scene *scene)
{
	const struct field head[] = {
		field_text("pool", scene->pool),
		field_bytes("total", framepool_stats_total_bytes(scene->stats)),
		field_bytes("used", framepool_stats_used_bytes(scene->stats)),
		field_bytes("free", framepool_stats_free_bytes(scene->stats)),
		field_bytes("quarantined", framepool_stats_quarantined_bytes(scene->stats)),
		field_bytes("largest", framepool_stats_largest_bytes(scene->stats)),
		field_number("allocs_per_second", (int64_t)(scene->rates.allocs + 0.5)),
		field_number("frees_per_second", (int64_t)(scene->rates.frees + 0.5)),
		field_number("fails_per_second", (int64_t)(scene->rates.fails + 0.5)),
		field_number("moves_per_second", (int64_t)(scene->rates.moves + 0.5)),
		field_number("moved_bytes_per_second", (int64_t)(scene->rates.moved_bytes + 0.5)),
		field_number("refused_per_second", (int64_t)(scene->rates.refused + 0.5)),
	};
	const struct client_list *list = &scene->clients;
	struct table table = { .key = "clients", .columns = COLUMNS, .rows = list->count };
	struct field (*rows)[COLUMNS] = calloc(list->count + 1, sizeof(*rows));
	int status;

	if (!rows)
		return fail("no memory for a table of %zu clients", list->count);
	for (size_t i = 0; i < list->count; i++) {
		rows[i][0] = field_number("pid", list->clients[i].pid);
		rows[i][1] = field_number("uid", list->clients[i].uid);
		rows[i][2] = field_number("buffers", (int64_t)list->clients[i].buffers);
		rows[i][3] = field_bytes("held", list->clients[i].held_bytes);
		rows[i][4] = field_text("comm", list->clients[i].comm);
	}
	table.cells = rows[0];
	status = output(true, head, sizeof(head) / sizeof(*head),
			scene->has_clients ? &table : NULL);
	free(rows);
	return status;
}

/* The rates need two samples. */
static int run_json(const struct cli *cli, const struct framepool *fp, struct scene *scene)
{
	struct sample old = { NULL, 0 }, new = { NULL, 0 };
	int status = sample_take(fp, &old);

	if (!status) {
		clock_sleep(scene->interval);
		status = sample_take(fp, &new);
	}
	if (!status)
		status = read_clients(cli, scene);
	if (!status) {
		scene->stats = new.stats;
		scene->rates = sample_rates(&old, &new);
		status = show_json(scene);
	}
	sample_free(&old);
	sample_free(&new);
	return status;
}

int cmd_top(struct cli *cli, int argc, char **argv)
{
	struct scene scene = { .pool = cli->pool, .interval = 1, .has_clients = !geteuid() };
	struct framepool *fp;
	int status = parse(cli, argc, argv, &scene.interval);

	if (status)
		return status;
	scene.pool = cli->pool;
	fp = pool_open(cli);
	if (!fp)
		return EXIT_FAILED;
	scene.frame_bytes = framepool_frame_bytes(fp);
	status = cli->json ? run_json(cli, fp, &scene) : run_screen(cli, fp, &scene);
	client_list_free(&scene.clients);
	framepool_close(fp);
	return status;
}
