#!/usr/bin/env bash
# redis-cli and redis-benchmark against a running server.
#
# Usage: redis_cli.sh PORT
set -euo pipefail
port=$1
cli() { redis-cli -p "$port" "$@"; }
fail() { echo "redis-cli: $*" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cli -n 9 flushdb > /dev/null
[ "$(cli -n 9 set greeting 'hello world')" = OK ] || fail "set"
[ "$(cli -n 9 get greeting)" = "hello world" ] || fail "get"
[ "$(cli -3 -n 9 hset h f v)" = 1 ] || fail "hset in RESP3"
cli -3 -n 9 hgetall h | grep -q v || fail "hgetall in RESP3"
cli -n 9 --json hgetall h | grep -q '{"f":"v"}' || fail "hgetall as JSON"

# Mass insertion.
for number in $(seq 1 20000); do printf '*3\r\n$3\r\nSET\r\n$%d\r\nmass:%d\r\n$1\r\nx\r\n' $((${#number} + 5)) "$number"; done > "$scratch/mass"
cli -n 9 --pipe < "$scratch/mass" | grep -q 'errors: 0, replies: 20000' || fail "--pipe"
# --pipe speaks to database 0 of its own connection when the stream does not select; -n is honoured since 3.2.
total=$(($(cli -n 9 dbsize) + $(cli dbsize)))
[ "$total" -ge 20002 ] || fail "--pipe lost keys: $total"

[ "$(cli -n 9 --scan --pattern 'greet*')" = greeting ] || fail "--scan"
cli -n 9 --bigkeys | grep -q 'Biggest string found' || fail "--bigkeys"
cli -n 9 --memkeys | grep -q 'Biggest' || fail "--memkeys"
timeout 3 stdbuf -oL redis-cli -p "$port" --stat -i 0.3 > "$scratch/stat" || true
[ "$(wc -l < "$scratch/stat")" -ge 4 ] || fail "--stat"
timeout 3 stdbuf -oL redis-cli -p "$port" --latency --raw > "$scratch/latency" || true
[ -s "$scratch/latency" ] || fail "--latency"

timeout 60 python3 "$(dirname "$0")/terminal.py" "$port" || fail "in a terminal"

redis-benchmark -p "$port" -q -n 20000 -P 8 -t ping,set,get,incr,hset,mset --csv > "$scratch/benchmark"
[ "$(grep -c '^"' "$scratch/benchmark")" -ge 7 ] || fail "redis-benchmark: $(cat "$scratch/benchmark")"
cli -n 9 flushdb > /dev/null
echo "redis-cli and redis-benchmark passed"
