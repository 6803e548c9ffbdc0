// SPDX-License-Identifier: LGPL-2.1-or-later
/* A replay as text, and as a drawing by gnuplot. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "replayer.h"

/* Names of a side's figures: plain for the first side. */
static const char * const keys[SIDES_MAX][9] = {
	{ "allocs", "frees", "failures", "failed_only_now", "failed_only_then",
	  "used", "free", "largest", "whole" },
	{ "buddy_allocs", "buddy_frees", "buddy_failures", "buddy_failed_only_now",
	  "buddy_failed_only_then", "buddy_used", "buddy_free", "buddy_largest", "buddy_whole" },
};

static size_t side_fields(const struct replay *replay, size_t side, struct field *fields)
{
	const struct outcome *outcome = &replay->outcomes[side];
	const struct measure *end = &replay->points[replay->nr_points - 1].of[side];
	const char * const *key = keys[side];

	fields[0] = field_number(key[0], (int64_t)outcome->allocs);
	fields[1] = field_number(key[1], (int64_t)outcome->frees);
	fields[2] = field_number(key[2], (int64_t)outcome->failures);
	fields[3] = field_number(key[3], (int64_t)outcome->only_now);
	fields[4] = field_number(key[4], (int64_t)outcome->only_then);
	fields[5] = field_bytes(key[5], end->used);
	fields[6] = field_bytes(key[6], end->free);
	fields[7] = field_bytes(key[7], end->largest);
	fields[8] = field_bytes(key[8], end->whole);
	return 9;
}

size_t replay_fields(const struct replay *replay, struct field *fields)
{
	const struct recording *recording = replay->recording;
	size_t count = 0;

	fields[count++] = field_text("recorded_pool", recording->pool);
	fields[count++] = field_bytes("recorded_total", recording->nr_huge *
				      recording->huge_frames * recording->frame_bytes);
	fields[count++] = field_number("events", (int64_t)recording->nr_events);
	fields[count++] = field_number("lost", (int64_t)recording->nr_lost);
	fields[count++] = field_number("inferred_frees", (int64_t)recording->nr_inferred);
	fields[count++] = field_number("unknown_frees", (int64_t)recording->nr_unknown);
	for (size_t i = 0; i < replay->nr_sides; i++)
		count += side_fields(replay, i, &fields[count]);
	return count;
}

static int share(uint64_t part, uint64_t all)
{
	return all ? (int)((double)part * 1000 / (double)all + 0.5) : 0;
}

struct table replay_table(const struct replay *replay, struct field *cells)
{
	struct table table = {
		.key = "points", .cells = cells, .columns = 2 + 4 * replay->nr_sides,
		.rows = replay->nr_points
	};

	for (size_t i = 0; i < replay->nr_points; i++) {
		const struct point *point = &replay->points[i];

		*cells = field_index("seconds", 0);
		cells++->number = (int64_t)(point->time_us / 1000);
		*cells++ = field_number("events", (int64_t)point->events);
		for (size_t j = 0; j < replay->nr_sides; j++) {
			const struct measure *of = &point->of[j];

			*cells++ = field_bytes(keys[j][5], of->used);
			*cells++ = field_bytes(keys[j][6], of->free);
			*cells++ = field_index(keys[j][7], share(of->largest, of->free));
			*cells++ = field_index(keys[j][8], share(of->whole, of->free));
		}
	}
	return table;
}

/* gnuplot takes a question mark for what is not known. */
static void write_share(FILE *file, uint64_t part, uint64_t all)
{
	if (all)
		fprintf(file, " %.4f", (double)part / (double)all);
	else
		fputs(" ?", file);
}

/* Not by time: most recordings have bursts, which would be a line each. */
static void write_script(const struct replay *replay, FILE *file)
{
	fputs("set terminal svg size 900,340 font \"sans,11\" background \"white\"\n"
	      "set datafile missing \"?\"\n"
	      "set grid ytics\nset key below\n"
	      "set xlabel \"events\"\nset ylabel \"share of the free memory\"\n"
	      "set yrange [0:1.02]\n$points << END\n", file);
	for (size_t i = 0; i < replay->nr_points; i++) {
		const struct point *point = &replay->points[i];

		fprintf(file, "%zu", point->events);
		for (size_t j = 0; j < replay->nr_sides; j++) {
			write_share(file, point->of[j].largest, point->of[j].free);
			write_share(file, point->of[j].whole, point->of[j].free);
		}
		fputc('\n', file);
	}
	fputs("END\nplot", file);
	for (size_t j = 0; j < replay->nr_sides; j++)
		fprintf(file, "%s $points using 1:%zu with lines lw 2 dt %zu title \"%s: largest\","
			" $points using 1:%zu with lines dt %zu title \"%s: in whole huge frames\"",
			j ? "," : "", 2 + 2 * j, j + 1, replay->sides[j].name,
			3 + 2 * j, j + 1, replay->sides[j].name);
	fputc('\n', file);
}

/* Runs gnuplot with the script as its input and @out as its output. */
static int run_gnuplot(const struct replay *replay, int out)
{
	int ends[2], status = 0;
	FILE *script;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return fail("cannot make a pipe: %m");
	pid = fork();
	if (!pid) {
		dup2(ends[0], STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		execlp("gnuplot", "gnuplot", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	script = fdopen(ends[1], "w");
	if (script && pid > 0)
		write_script(replay, script);
	/* If gnuplot is missing, nobody reads the script. Its status says more than that. */
	if (script)
		fclose(script);
	if (!script || pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail("cannot run gnuplot: %m");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail("gnuplot is missing (Debian: gnuplot-nox)");
	return status ? fail("gnuplot failed") : EXIT_OK;
}

int replay_draw(const struct replay *replay, const char *name)
{
	int out = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int status;

	if (out < 0)
		return fail("cannot write '%s': %m", name);
	signal(SIGPIPE, SIG_IGN);
	status = run_gnuplot(replay, out);
	close(out);
	return status;
}
