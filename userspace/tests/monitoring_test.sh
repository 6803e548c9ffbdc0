#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What Prometheus, a strict parser of OpenMetrics, systemd and Grafana read: the metrics of canned
# pools, and the files in monitoring/. $O is the build folder.
set -u

cd "$(dirname "$0")/.." || exit 1
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

# result NAME COMMAND...
result()
{
	name=$1
	shift
	if "$@" >"$out/log" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/#   /' "$out/log"
	fi
}

# result_with WHAT NAME COMMAND...: the same if there is a command WHAT.
result_with()
{
	if command -v "$1" >/dev/null; then
		shift
		result "$@"
	else
		echo "ok - $2 # SKIP there is no $1 here"
	fi
}

# promtool complains on stderr, and by its status only if it cannot read.
promtool_reads_textfile()
{
	"$O/tests/metrics_test" textfile | promtool check metrics >"$out/said" 2>&1 || return
	cat "$out/said"
	[ ! -s "$out/said" ]
}

# What the parser finds: the types of all samples, none of them unknown.
openmetrics_is_strict()
{
	"$O/tests/metrics_test" openmetrics | PYTHONPATH=$cache/usr/lib/python3/dist-packages \
		python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = {family.name: family for family in parse(sys.stdin.read())}
assert families["framepool_allocs"].type == "counter"
assert families["framepool_alloc_failures"].type == "counter"
assert families["framepool_free_bytes"].unit == "bytes"
assert all(family.type in ("gauge", "counter") for family in families.values())
assert sum(len(family.samples) for family in families.values()) >= 50, families'
}

rules_do_what_they_say()
{
	cp monitoring/framepool.rules.yml tests/framepool.rules-test.yml "$out" &&
	promtool check rules "$out/framepool.rules.yml" &&
	promtool test rules "$out/framepool.rules-test.yml"
}

# each_alert_is_tested: the test of the rules sees each of them fire.
each_alert_is_tested()
{
	for alert in $(sed -n 's/^ *- alert: //p' monitoring/framepool.rules.yml); do
		grep -A 1 "alertname: $alert\$" tests/framepool.rules-test.yml |
			grep -q exp_alerts || {
			echo "$alert never fires"
			return 1
		}
	done
}

# expressions FILE: those in the panels of the dashboard, one a line.
expressions()
{
	perl -MJSON::PP -0777 -ne '
		print "$_->{expr}\n" for map { @{$_->{targets}} } @{decode_json($_)->{panels}}' "$1"
}

# As rules, after the variables of Grafana have values.
expressions_are_promql()
{
	expressions monitoring/framepool-dashboard.json >"$out/expressions" &&
	[ "$(wc -l <"$out/expressions")" -ge 10 ] && {
		printf 'groups:\n- name: panels\n  rules:\n'
		sed "s/\$__rate_interval/5m/; s/'/''/g; s/.*/  - {record: a, expr: '&'}/" \
			"$out/expressions" | cat -n | sed 's/^ *\([0-9]*\)\t\(.*record: a\)/\2\1/'
	} >"$out/panels.yml" && promtool check rules "$out/panels.yml"
}

# metrics_exist FILE: the command prints each metric that is named there.
metrics_exist()
{
	"$O/tests/metrics_test" openmetrics >"$out/metrics" &&
	grep -v '^ *#' "$1" | grep -o 'framepool_[a-z_]*' | sort -u >"$out/names" &&
	[ "$(wc -l <"$out/names")" -ge 5 ] && while read -r metric; do
		grep -q "^$metric{\|^# TYPE $metric gauge" "$out/metrics" || {
			echo "$1: there is no $metric"
			return 1
		}
	done <"$out/names"
}

# A dashboard has panels that do not overlap, each with its own number and the chosen source.
dashboard_is_whole()
{
	perl -MJSON::PP -0777 -ne '
		my $board = decode_json($_);
		my (%id, %place);
		for my $panel (@{$board->{panels}}) {
			my $at = $panel->{gridPos};
			die "id $panel->{id}" if $id{$panel->{id}}++;
			die "place of $panel->{id}" if $place{"$at->{x} $at->{y}"}++;
			die "source of $panel->{id}"
				if $panel->{datasource}{uid} ne "\${datasource}";
		}
		die "variables" if join(" ", map { $_->{name} } @{$board->{templating}{list}}) ne
			"datasource instance pool";' monitoring/framepool-dashboard.json
}

units_are_valid()
{
	sed 's|^ExecStart=framepool |ExecStart=/bin/true |' monitoring/framepool-metrics.service \
		>"$out/framepool-metrics.service" &&
	cp monitoring/framepool-metrics.timer "$out" &&
	systemd-analyze verify --man=no "$out"/framepool-metrics.* 2>"$out/said"
	status=$?
	grep framepool-metrics "$out/said" && return 1
	return $status
}

# The service runs a command that is right, so only the module may be missing.
service_runs_the_command()
{
	# shellcheck disable=SC2046 # several words
	set -- $(sed -n "s|/var/lib/prometheus/node-exporter|$out|; s|^ExecStart=framepool ||p" \
		monitoring/framepool-metrics.service)
	[ $# -gt 0 ] && {
		"$O/framepool" "$@" 2>"$out/said" ||
			{ cat "$out/said"; [ ! -e /sys/class/framepool ]; }
	} && ! grep -v 'module is not loaded' "$out/said"
}

cache=$(../scripts/lab/cache/monitoring 2>/dev/null)
PATH=$cache/usr/bin:$PATH
result_with promtool metrics_textfile_is_read_by_promtool promtool_reads_textfile
result_with python3 metrics_openmetrics_is_strict openmetrics_is_strict
result_with promtool monitoring_rules_do_what_they_say rules_do_what_they_say
result monitoring_each_alert_is_tested each_alert_is_tested
result_with promtool monitoring_dashboard_expressions_are_promql expressions_are_promql
result monitoring_dashboard_is_whole dashboard_is_whole
result monitoring_dashboard_metrics_exist metrics_exist monitoring/framepool-dashboard.json
result monitoring_rules_metrics_exist metrics_exist monitoring/framepool.rules.yml
result_with systemd-analyze monitoring_units_are_valid units_are_valid
result monitoring_service_runs_the_command service_runs_the_command
