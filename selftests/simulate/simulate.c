// SPDX-License-Identifier: GPL-2.0-only
/*
 * framepool-simulate RECORDING [SVG]: replays a recording in the module's core and in a plain
 * binary buddy allocator. 'framepool replay --simulate' runs it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "sides.h"

static int show(const struct replay *replay, const char *svg)
{
	struct field fields[REPLAY_FIELDS], cells[REPLAY_COLUMNS * (REPLAY_POINTS + 1)];
	struct table table = replay_table(replay, cells);

	output_text(fields, replay_fields(replay, fields), &table);
	if (svg && replay_draw(replay, svg))
		return EXIT_FAILED;
	if (fflush(stdout) || ferror(stdout))
		return fail("cannot write the output: %s", strerror(errno));
	return EXIT_OK;
}

/* All buffers were freed: nothing is used, and the core's invariants hold. */
static int check(const struct side *sides)
{
	const char *broken = framepool_side_broken();
	struct measure measure;
	int i;

	if (broken)
		return fail("the core is broken: %s", broken);
	for (i = 0; i < SIDES_MAX; i++) {
		sides[i].measure(sides[i].data, true, &measure);
		if (measure.used)
			return fail("%s lost %llu bytes", sides[i].name,
				    (unsigned long long)measure.used);
	}
	return EXIT_OK;
}

static int simulate(const struct recording *recording, const char *svg)
{
	struct side sides[SIDES_MAX];
	struct replay replay = { .recording = recording, .sides = sides, .nr_sides = SIDES_MAX };

	if (!framepool_side(recording, &sides[0]) || !binary_side(recording, &sides[1]))
		return fail("no memory to simulate a pool of %llu huge frames",
			    (unsigned long long)recording->nr_huge);
	if (replay_run(&replay) || check(sides))
		return EXIT_FAILED;
	return show(&replay, svg);
}

int main(int argc, char **argv)
{
	struct recording recording;
	int status;

	if (argc < 2 || argc > 3) {
		fputs("usage: framepool-simulate RECORDING [SVG]\n", stderr);
		return EXIT_USAGE;
	}
	status = recording_read(argv[1], &recording);
	if (status)
		return status;
	status = simulate(&recording, argc > 2 ? argv[2] : NULL);
	recording_free(&recording);
	return status;
}
