// SPDX-License-Identifier: LGPL-2.1-or-later
/* The metrics of all pools: family by family, as the formats want it. */
#include <string.h>

#include "figure.h"
#include "fleet.h"

static const struct label no_label = { NULL, NULL };

static const struct family up = {
	"up", NULL, "Whether the pool is in use (1), or was shut down and has no figures (0).",
	false
};

static void expose_up(const struct fleet *fleet, const struct exposition *exposition)
{
	exposition_family(exposition, &up);
	for (size_t i = 0; i < fleet->count; i++)
		exposition_sample(exposition, &up, fleet->pools[i].name, no_label,
				  fleet->pools[i].stats ? 1 : 0);
}

/* What INFO tells; 0 means no limit, which has no sample. */
struct limit {
	struct family family;
	size_t offset;
};

#define LIMIT(_name, _help)							\
	{ { #_name, "bytes", _help, false }, offsetof(struct fleet_pool, _name) }

static const struct limit limits[] = {
	LIMIT(huge_bytes, "Size of a huge frame."),
	LIMIT(largest_extent_bytes, "Longest physically contiguous piece of the pool."),
	LIMIT(client_quota_bytes, "The most that one client may be charged."),
	LIMIT(user_quota_bytes, "The most that all clients of one user may be charged."),
};

static uint64_t limit_value(const struct limit *limit, const struct fleet_pool *pool)
{
	uint64_t value;

	memcpy(&value, (const char *)pool + limit->offset, sizeof(value));
	return value;
}

static void expose_limit(const struct limit *limit, const struct fleet *fleet,
			 const struct exposition *exposition)
{
	exposition_family(exposition, &limit->family);
	for (size_t i = 0; i < fleet->count; i++) {
		uint64_t value = limit_value(limit, &fleet->pools[i]);

		if (value)
			exposition_sample(exposition, &limit->family, fleet->pools[i].name,
					  no_label, value);
	}
}

static struct family family_of(const struct figure *figure)
{
	return (struct family){
		figure->family, figure->is_bytes ? "bytes" : NULL, figure->help,
		figure->kind == FIGURE_COUNTER
	};
}

/* Writes @count figures of one family. */
static void expose_figures(const struct figure *figure, size_t count, const struct fleet *fleet,
			   const struct exposition *exposition)
{
	struct family family = family_of(figure);

	exposition_family(exposition, &family);
	for (size_t i = 0; i < fleet->count; i++) {
		const struct fleet_pool *pool = &fleet->pools[i];

		for (size_t j = 0; pool->stats && j < count; j++) {
			struct label label = { figure[j].reason ? "reason" : NULL,
					       figure[j].reason };

			exposition_sample(exposition, &family, pool->name, label,
					  figure[j].value(pool->stats));
		}
	}
}

static void expose_all_figures(const struct fleet *fleet, const struct exposition *exposition)
{
	size_t count;

	for (size_t i = 0; i < FIGURES; i += count) {
		count = 1;
		while (i + count < FIGURES &&
		       !strcmp(figures[i + count].family, figures[i].family))
			count++;
		expose_figures(&figures[i], count, fleet, exposition);
	}
}

/* What 'framepool frag' shows, by order; @index: NULL: free_blocks, otherwise in thousandths */
struct order_figure {
	struct family family;
	int (*index)(const struct framepool_stats *stats, unsigned int order);
};

static const struct order_figure order_figures[] = {
	{ { "free_blocks", NULL, "Free naturally aligned blocks of 2^order frames.", false },
	  NULL },
	{ { "unusable_ratio", "ratio",
	    "Share of free memory in blocks too small for a request of that order.", false },
	  framepool_stats_unusable_index },
	{ { "external_index", NULL, "-1: a request of that order succeeds; otherwise it fails, "
	    "towards 0 for lack of memory, towards 1 because of fragmentation.", false },
	  framepool_stats_external_index },
};

static void expose_order(const struct order_figure *figure, const struct fleet_pool *pool,
			 unsigned int order, const struct exposition *exposition)
{
	char text[16];
	const struct label label = { "order", text };

	snprintf(text, sizeof(text), "%u", order);
	if (figure->index)
		exposition_thousandths(exposition, &figure->family, pool->name, label,
				       figure->index(pool->stats, order));
	else
		exposition_sample(exposition, &figure->family, pool->name, label,
				  framepool_stats_free_blocks(pool->stats, order));
}

static void expose_orders(const struct order_figure *figure, const struct fleet *fleet,
			  const struct exposition *exposition)
{
	exposition_family(exposition, &figure->family);
	for (size_t i = 0; i < fleet->count; i++) {
		const struct fleet_pool *pool = &fleet->pools[i];
		unsigned int orders = pool->stats ? framepool_stats_orders(pool->stats) : 0;

		for (unsigned int order = 0; order < orders; order++)
			expose_order(figure, pool, order, exposition);
	}
}

void fleet_expose(const struct fleet *fleet, const struct exposition *exposition)
{
	expose_up(fleet, exposition);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		expose_limit(&limits[i], fleet, exposition);
	expose_all_figures(fleet, exposition);
	for (size_t i = 0; i < sizeof(order_figures) / sizeof(*order_figures); i++)
		expose_orders(&order_figures[i], fleet, exposition);
	exposition_end(exposition);
}
