#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Programs that know nothing of framepool run with libframepool-malloc.so, on the fake kernel. They
# are told to be strict, so they work only if all their memory is from the pool. Those that are not
# installed are left out. $O is the build folder, $CC the compiler.
set -u

cd "$(dirname "$0")/.." || exit 1
library=$O/tests/libframepool-malloc.so
dir=$(mktemp -d) || exit 1
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT

# inside COMMAND...: runs it on memory of a pool.
inside()
{
	FRAMEPOOL_MALLOC_STRICT=1 FRAMEPOOL_MALLOC_POOL=1024 LD_PRELOAD=$library "$@"
}

# result NAME COMMAND...: the command succeeds, and the library says nothing.
result()
{
	name=$1
	shift
	if "$@" >"$dir/log" 2>&1 && ! grep -q framepool-malloc: "$dir/log"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/#   /' "$dir/log"
	fi
}

# program NAME COMMAND TEST: as result, if the command is installed.
program()
{
	if command -v "$2" >/dev/null; then
		result "$1" "$3"
	else
		echo "# $2 is not installed"
	fi
}

# where WORD [SETTING...]: where a long block is.
where()
{
	word=$1
	shift
	place=$(env "$@" LD_PRELOAD="$library" "$O/tests/malloc_family" where 2>"$dir/said") &&
	[ "$place" = "$word" ]
}

# says NUMBER PATTERN: so many sentences were said, and each is like that.
says()
{
	cat "$dir/said"
	[ "$(wc -l <"$dir/said")" = "$1" ] && [ "$(grep -c "$2" "$dir/said")" = "$1" ]
}

falls_back()
{
	where inside FRAMEPOOL_MALLOC_POOL=64 && says 0 . &&
	where outside FRAMEPOOL_MALLOC_POOL=0 && says 1 \
		'^framepool-malloc: 0: No such .*; memory outside of the pool is used$' &&
	where outside FRAMEPOOL_MALLOC_POOL=4 && says 1 \
		'^framepool-malloc: 4: Cannot allocate .*; memory outside of the pool is used$'
}

is_strict()
{
	where none FRAMEPOOL_MALLOC_POOL=4 FRAMEPOOL_MALLOC_STRICT=1 &&
	says 1 '^framepool-malloc: 4: Cannot allocate memory; allocations fail$'
}

refuses_second_free()
{
	! LD_PRELOAD=$library "$O/tests/malloc_family" twice 2>"$dir/said" &&
	sed -i /Aborted/d "$dir/said" &&
	says 1 '^framepool-malloc: free: this is not a block .*; the program ends$'
}

# expect COMMAND...: it succeeds, whatever it says.
expect()
{
	"$@" >"$dir/expected" 2>&1 || {
		sed 's/^/#   /' "$dir/expected"
		return 1
	}
}

compile()
{
	inside "$CC" -O2 -Iinclude -I../module/uapi -Ilib -c lib/heap.c -o "$dir/heap.o" &&
	$CC -O2 -Iinclude -I../module/uapi -Ilib -c lib/heap.c -o "$dir/usual.o" &&
	cmp "$dir/heap.o" "$dir/usual.o"
}

# Git compresses with threads, and starts other programs.
use_git()
{
	export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a \
		GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
	inside git init -q "$dir/git" && cp -r lib include tests "$dir/git" &&
	inside git -C "$dir/git" add . && inside git -C "$dir/git" commit -qm all &&
	inside git -C "$dir/git" gc -q && inside git clone -q "$dir/git" "$dir/clone" &&
	inside git -C "$dir/clone" fsck --strict && diff -r lib "$dir/clone/lib"
}

# Threads allocate while processes of a pool, which are made by fork(), do the same.
use_python()
{
	cat >"$dir/program.py" <<-'END'
	import multiprocessing, os, subprocess, threading

	def work(n):
	    return sum(len(str(i) * 3) for i in range(n)), {i: str(i) for i in range(n)}

	if __name__ == '__main__':
	    right = work(20000)
	    threads = [threading.Thread(target=work, args=(50000,)) for _ in range(4)]
	    [thread.start() for thread in threads]
	    with multiprocessing.get_context('fork').Pool(3) as pool:
	        assert pool.map(work, [20000] * 12) == [right] * 12
	    [thread.join() for thread in threads]
	    assert subprocess.run(['true']).returncode == 0 and not os.system('true')
	END
	PYTHONMALLOC=malloc inside python3 "$dir/program.py"
}

use_sqlite()
{
	[ "$(inside sqlite3 "$dir/base" <<-'END'
	CREATE TABLE t (a INTEGER, b TEXT);
	WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000)
		INSERT INTO t SELECT x, hex(x * 7) FROM c;
	CREATE INDEX i ON t (b);
	DELETE FROM t WHERE a % 3 = 0;
	VACUUM;
	SELECT count(*), sum(a) FROM (SELECT a FROM t ORDER BY b);
	PRAGMA integrity_check;
	END
	)" = '66667|3333366667
ok' ]
}

# start_redis COMMAND...: starts a server whose clients are ask, with the dump that there is.
start_redis()
{
	"$@" redis-server --port 0 --unixsocket "$dir/socket" --dir "$dir" --save '' \
		--daemonize no >"$dir/redis.log" 2>&1 &
	server=$!
	for _ in $(seq 100); do
		[ "$(ask ping 2>/dev/null)" = PONG ] && return
		sleep 0.1
	done
	cat "$dir/redis.log"
	return 1
}

ask()
{
	redis-cli -s "$dir/socket" "$@"
}

# set_all WORD: sets all keys to it.
set_all()
{
	ask eval 'for i = 1, 100000 do redis.call("set", i, ARGV[1] .. i) end return 1' 0 "$1"
}

# have_all WORD: all keys are set to it.
have_all()
{
	[ "$(ask eval 'local n = 0
		for i = 1, 100000 do
			if redis.call("get", i) == ARGV[1] .. i then n = n + 1 end
		end
		return n' 0 "$1")" = 100000 ]
}

stop_redis()
{
	ask shutdown nosave
	wait "$server"
	server=
}

# The child writes for a second at least, in which all keys are set again, to longer words.
use_redis()
{
	start_redis inside && set_all old && ask config set rdb-key-save-delay 10 &&
	ask bgsave && set_all newer-and-longer && set_all new &&
	ask info persistence | grep -q 'rdb_bgsave_in_progress:1' || return
	while ask info persistence | grep -q 'rdb_bgsave_in_progress:1'; do
		sleep 0.2
	done
	ask info persistence | grep 'rdb_last_bgsave_status:ok' && have_all new && stop_redis &&
	! grep framepool-malloc: "$dir/redis.log" && start_redis env && have_all old && stop_redis
}

FRAMEPOOL_MALLOC_STRICT=1 LD_PRELOAD=$library "$O/tests/malloc_family"
LD_PRELOAD=$library "$O/tests/malloc_model"
result without_a_pool_memory_is_from_elsewhere expect falls_back
result strict_program_gets_no_other_memory expect is_strict
result second_free_ends_the_program expect refuses_second_free
program gcc_compiles_the_same "$CC" compile
program git_stores_and_clones git use_git
program python_has_threads_and_children python3 use_python
program sqlite_stores_and_sorts sqlite3 use_sqlite
program redis_saves_what_was_there_at_fork redis-server use_redis
