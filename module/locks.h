/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The locks of the module, outermost first. Take them in this order only.
 *
 *  mmap_lock or VMA lock	core mm; held in fp_mmap(), open, close and fault
 *  quarantine lock (mutex)	one examiner of the quarantine at a time; sleeps while it
 *				clears memory; not taken by open, close or fault
 *  pools lock (mutex)		the list of all pools
 *  caches lock (mutex)		the list of all caches; held while they are shown and verified
 *  clients lock (mutex)	the list of a pool's clients; held while they are revoked, and shown
 *  reclaim mutex		the list of who keeps blocks of a pool for later, for who may sleep
 *  collect lock (mutex)		what owners keep, on its way into quarantine and onto their accounts
 *  drain lock (mutex)		one drain of a pool's or a cache's magazines at a time; sleeps for an RCU grace
 *				period
 *  folio lock			core mm; held by a fault from before it looks whether the client is
 *				revoked until its page is in the page table
 *  windows lock (rwsem)	what lies in the windows of one client; held, for reading, by a fault in one until its pages
 *				are in the page table
 *  i_mmap_rwsem		core mm; the VMAs of one client
 *  list lock (spinlock)	an xarray's own: the windows of one client, and their handles
 *  client lock (spinlock)	handles and offsets of one client
 *  bad lock (spinlock)		runs withheld for a bad frame; held while their pool is looked at as a whole
 *  reclaim lock (spinlock, bh)	the same list, for who may not sleep
 *  cache lock (spinlock, bh)	the slabs of one cache; nothing of the pool is asked for or given back under it
 *  freeze lock (spinlock, bh)	the list of a buddy's owners; held while a pool is looked at as a whole
 *  owner lock (spinlock, bh)	the partly used huge frames of one owner
 *  buddy lock (spinlock, bh)	empty and quarantined huge frames; a leaf
 *  accounts lock (spinlock)	a pool's accounts and users
 *  user lock (spinlock)	the charges of one user and of its clients; a leaf
 *
 * No user memory is touched under any of ours, and nothing sleeps in allocating
 * memory under one that the fault path takes.
 */
