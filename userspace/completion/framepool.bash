# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for framepool(1) in bash.
# shellcheck shell=bash

# Prints the command on the line, if there is one.
_framepool_command()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--pool) ((i++)) ;;
		-*) ;;
		*)
			echo "${COMP_WORDS[i]}"
			return
			;;
		esac
	done
}

_framepool_words()
{
	local commands="info stat frag clients caches map metrics watch top alloc compact record"

	commands+=" replay pool help version"

	case $1 in
	"") echo "--pool --json -h --help --version $commands" ;;
	frag) echo "--pool --json -h --help --why" ;;
	map) echo "--pool --json -h --help --ascii --svg" ;;
	metrics) echo "--pool --json -h --help --textfile" ;;
	watch) echo "--pool --json -h --help --interval --count" ;;
	top) echo "--pool --json -h --help --interval" ;;
	alloc)
		echo "--pool --json -h --help --size --align --below --wait --from --movable" \
			"--hold --export"
		;;
	record) echo "--pool --json -h --help --time --buffer" ;;
	replay) echo "--pool --json -h --help --simulate --svg" ;;
	pool)
		echo "--json -h --help create destroy list show apply --force --size --node" \
			"--below --min-run --min-largest --memory --partial --gid --mode" \
			"--client-quota --user-quota --debug --cache-debug"
		;;
	help) echo "-h --help $commands" ;;
	version) echo "--json -h --help" ;;
	*) echo "--pool --json -h --help" ;;
	esac
}

_framepool()
{
	local word=${COMP_WORDS[COMP_CWORD]} words

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--pool | destroy | show)
		words=$(cd /dev/framepool 2> /dev/null && echo *)
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		;;
	--svg | --from | --textfile | apply)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		;;
	--node | --min-run | --min-largest | --gid | --mode | --client-quota | --user-quota)
		COMPREPLY=()
		;;
	--memory)
		mapfile -t COMPREPLY < <(compgen -W "wb wc uc" -- "$word")
		;;
	--why | --size | --align | --below | --wait | --interval | --count | --time | --buffer)
		COMPREPLY=()
		;;
	*)
		words=$(_framepool_words "$(_framepool_command)")
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		;;
	esac
}

complete -o bashdefault -F _framepool framepool
