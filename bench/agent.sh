#!/bin/sh
# What an idle agent costs, and how fast it and its workers start. ./dev bench agent
# Figures: PSS of all its processes (target <= 8 MB with api and fswatch), start to ready, CPU of one worker (target <= 1.0 ms),
# `tarsier ping --help` with cold caches where this may be had.
set -eu
build=${TARSIER_BUILD:-$(dirname "$0")/../build}
tarsier=$build/tarsier
state=$(mktemp -d /tmp/tarsier-bench-XXXXXX)
pid=
clean() {
        [ ! "$pid" ] || kill "$pid" 2>/dev/null || :
        [ ! "$pid" ] || wait "$pid" 2>/dev/null || :
        rm -rf "$state"
}
trap clean EXIT
trap 'exit 1' INT TERM

with=
if "$tarsier" schema fswatch >/dev/null 2>&1; then
        with='fswatch: {}'
fi
printf 'modules: {%s}\n' "$with" >"$state/tarsier.yaml"

# until FILE PATTERN: polls for a line, at most a minute
until_line() {
        turns=0
        until grep -qs "$2" "$1"; do
                turns=$((turns + 1))
                [ "$turns" -lt 6000 ] || {
                        cat "$1" >&2
                        exit 1
                }
                sleep 0.01
        done
}

start() {
        rm -f "$state/log"
        "$tarsier" serve --state "$state" --config "$state/tarsier.yaml" --listen 127.0.0.1:0 2>"$state/log" &
        pid=$!
        until_line "$state/log" 'tarsier: ready'
}

field() {
        sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"
}

printf '%-34s' 'start to ready, 5 times, ms'
for _ in 1 2 3 4 5; do
        start
        seconds=$("$tarsier" status --state "$state" --json | field start_seconds)
        awk -v s="$seconds" 'BEGIN { printf " %.0f", s * 1000 }'
        kill "$pid"
        wait "$pid" || :
        pid=
done
echo

start
sleep 2
total=0
printf '%-34s %s\n' 'idle memory' "(modules: api ${with:+fswatch})"
for each in $pid $(pgrep -P "$pid"); do
        pss=$(awk '/^Pss:/ { print $2 }' "/proc/$each/smaps_rollup")
        total=$((total + pss))
        printf '  %-32s %6d kB\n' "$(tr '\0' ' ' <"/proc/$each/cmdline" | awk '{ print $1 == "serve" ? "agent" : $3 }')" "$pss"
done
printf '%-34s %6d kB of 8192: %.2f\n' '  all, PSS' "$total" "$(awk -v t="$total" 'BEGIN { print t / 8192 }')"

idle_before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
sleep 5
idle_after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
printf '%-34s %6d ticks in 5 s\n' 'idle CPU of the agent' $((idle_after - idle_before))
kill "$pid"
wait "$pid" || :
pid=

# one worker each 100 ms; what the log says each cost: start, handshake, sandbox and the run itself
cat >>"$state/tarsier.yaml" <<'YAML'
schedule: [{name: one, module: lsm, every: 100ms}]
YAML
start
sleep 6
"$tarsier" runs --state "$state" --json --limit 50 --only completed | tr '{' '\n' | sed -n 's/.*"cpu_us":\([0-9]*\).*/\1/p' |
        sort -n | awk '{ all[NR] = $1 } END { printf "%-34s %6.2f median, %.2f least of %d (target 1.0)\n",
                "worker and run, CPU ms", all[int((NR + 1) / 2)] / 1000, all[1] / 1000, NR }'
kill "$pid"
wait "$pid" || :
pid=

"$tarsier" schema ping >/dev/null 2>&1 && name=ping || name=example
[ ! -w /proc/sys/vm/drop_caches ] || { sync; echo 3 2>/dev/null >/proc/sys/vm/drop_caches || :; }
for what in first again again; do
        before=$(date +%s%N)
        "$tarsier" "$name" --help >/dev/null
        after=$(date +%s%N)
        awk -v n="$((after - before))" -v l="$name --help, $what, ms" 'BEGIN { printf "%-34s %6.2f\n", l, n / 1e6 }'
done
