/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plugin_test finds in plugin.so. */
#ifndef FRAMEPOOL_PLUGIN_H
#define FRAMEPOOL_PLUGIN_H

#include <stdbool.h>

/* Makes the cache; false if that fails. */
bool plugin_begin(void);

/* Allocates and frees an object, so that the thread has a magazine. */
bool plugin_use(void);

/* Ends the cache; false if something of it is left. */
bool plugin_end(void);

#endif
