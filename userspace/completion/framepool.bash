# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for framepool(1) in bash.
# shellcheck shell=bash

# The command that was typed, if there is one.
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
	local commands="info stat frag clients slabs map watch top alloc help version"

	case $1 in
	"") echo "--pool --json --help --version $commands" ;;
	map) echo "--pool --json --help --ascii --svg" ;;
	watch) echo "--pool --json --help --interval --count" ;;
	top) echo "--pool --json --help --interval" ;;
	alloc) echo "--pool --json --help --size --align --below --from --hold" ;;
	help) echo "$commands" ;;
	*) echo "--pool --json --help" ;;
	esac
}

_framepool()
{
	local word=${COMP_WORDS[COMP_CWORD]}

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--pool)
		mapfile -t COMPREPLY < <(compgen -W "$(cd /dev/framepool 2> /dev/null && echo *)" -- "$word")
		;;
	--svg | --from)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		;;
	--size | --align | --below | --interval | --count)
		COMPREPLY=()
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "$(_framepool_words "$(_framepool_command)")" -- "$word")
		;;
	esac
}

complete -o bashdefault -F _framepool framepool
