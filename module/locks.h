/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The locks of the module, outermost first. Take them in this order only.
 *
 *  mmap_lock or VMA lock	core mm; held in fp_mmap(), open, close and fault
 *  own lock (mutex)		the making of one client's own buffer, which a first mmap() does
 *  reservation object (ww_mutex)	a dma-buf's own; held by importers while they attach and map
 *  quarantine lock (rt_mutex)	one examiner of the quarantine at a time; it sleeps while it clears
 *				memory; not taken by open, close or fault
 *  nodes lock (mutex)		the device nodes; held while one is added
 *  instances lock (mutex)	the list of pools and what shows them
 *  pools lock (mutex)		the list of all pools, and the references to them
 *  caches lock (mutex)		the list of all caches; held while they are shown and verified
 *  moving lock (mutex)		one mover of a pool's memory at a time; it sleeps while it copies.
 *				While a slab moves, it takes none but the windows lock, the folio
 *				lock and what comes after: any other may be held by a task that
 *				waits for the end of the move, to take the slab away
 *  clients lock (mutex)	the list of a pool's clients; held while they are revoked or shown
 *  exports lock (mutex)	the list of one client's dma-bufs; held while they are shown
 *  export lock (mutex)		the devices that one dma-buf is attached to, and their mappings
 *  reclaim mutex		held while a caller that may sleep asks one of a pool's reclaimers
 *  drain lock (mutex)		one drain of a pool's or a cache's magazines at a time; it sleeps
 *				for an RCU grace period
 *  windows lock (rwsem)	the contents of the windows of one client; held for reading by a
 *				fault in one until its pages are in the page table, and for writing
 *				by the mover from before it unmaps slabs until they have their new
 *				place
 *  folio lock			core mm; held by a fault from before it checks whether the client is
 *				revoked until its page is in the page table; taken once for each
 *				folio of a pool that is shut down; held by the mover while it copies
 *  i_mmap_rwsem		core mm; the VMAs of one client
 *  list lock (spinlock)	an xarray's own; the windows of one client, and their handles
 *  client lock (spinlock)	handles and offsets of one client
 *  movables lock (spinlock)	what may move of a pool: its places and pins
 *  accounts lock (spinlock)	a pool's accounts and users
 *  waiters lock (spinlock)	the tasks that wait for memory of one pool
 *  reclaim lock (spinlock, bh)	the list of a pool's reclaimers (reclaim.c); held while a caller
 *				that may not sleep asks a few of them
 *  cache lock (spinlock, bh)	the slabs of one cache; not held while the pool is called
 *  index lock (spinlock, bh)	an xarray's own; the places of one cache's slabs
 *  freeze lock (spinlock, bh)	the list of a buddy's owners; held while its pool is examined as a
 *				whole, and while huge frames that an owner keeps are collected
 *  owner lock (spinlock, bh)	the partly used huge frames of one owner
 *  buddy lock (spinlock, bh)	empty and quarantined huge frames, and all charges; a leaf
 *
 * User memory is never accessed with one of these locks held. No allocation of memory sleeps
 * under a lock that the fault path takes.
 */
