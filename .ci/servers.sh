# Private PostgreSQL and Redis in a temporary folder, on free ports. Sourced by ./test and ./bench.
#
#   servers_install            installs what is missing (Debian, as root), or says what to install
#   servers_start MODE         MODE: `functional` (no fsync) or `durable` (fsync and synchronous commit)
#   servers_stop               stops what servers_start started, by process id, and removes the folder
#
# Exports TEST_PG_URL, TEST_PG_DATA (PostgreSQL's folder, for scans) and TEST_REDIS_URL. Servers named by
# TEST_PG_URL and TEST_REDIS_URL beforehand are used as they are and left alone.

servers_dir=
servers_pg_bin=
servers_redis_pid=

as_postgres() { # PostgreSQL refuses to run as root.
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

find_pg_bin() {
  local bin
  for bin in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
    if [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then servers_pg_bin=$bin; fi
  done
  [ -n "$servers_pg_bin" ]
}

servers_install() {
  local missing=()
  [ -n "${TEST_PG_URL:-}" ] || find_pg_bin || missing+=(postgresql)
  [ -n "${TEST_REDIS_URL:-}" ] || command -v redis-server >/dev/null || missing+=(redis-server)
  [ "${#missing[@]}" = 0 ] && return 0
  if ! debian_root; then
    echo "Missing: ${missing[*]}. Install them (Debian, as root: apt-get install ${missing[*]})," >&2
    echo "or name running servers: TEST_PG_URL=postgres://… TEST_REDIS_URL=redis://…" >&2
    return 1
  fi
  debian_install "${missing[@]}" || return 1
  [ -n "${TEST_PG_URL:-}" ] || find_pg_bin
}

debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

debian_install() { # Installs these packages without starting what they would start.
  echo "Installing $*"
  export DEBIAN_FRONTEND=noninteractive
  # Debian would start a cluster and a server of its own; ours are private.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; fi
  local done=0
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null; } || done=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$done" = 0 ] || { echo "apt-get could not install $*" >&2; return 1; }
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 30000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

start_postgres() {
  local dir=$1 mode=$2 port tried unsafe=
  [ "$mode" = durable ] || unsafe="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
  mkdir -p "$dir/pg" "$dir/sock"
  if [ "$(id -u)" = 0 ]; then chown postgres "$dir" "$dir/pg" "$dir/sock"; fi
  chmod 700 "$dir/pg"
  as_postgres "$servers_pg_bin/initdb" -D "$dir/pg" -U gateway -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; return 1; }
  # A port found free may be taken before the server binds it: try again with another.
  for tried in 1 2 3 4 5; do
    port=$(free_port)
    if as_postgres "$servers_pg_bin/pg_ctl" -D "$dir/pg" -w -t 30 -l "$dir/pg/server.log" -o \
      "-c listen_addresses=127.0.0.1 -p $port -k $dir/sock -c max_connections=300 -c shared_buffers=128MB $unsafe" \
      start >/dev/null 2>&1; then
      as_postgres "$servers_pg_bin/createdb" -h 127.0.0.1 -p "$port" -U gateway gateway
      export TEST_PG_URL="postgres://gateway@127.0.0.1:$port/gateway" TEST_PG_DATA="$dir/pg"
      return 0
    fi
    echo "PostgreSQL did not start on port $port (attempt $tried)" >&2
  done
  tail -20 "$dir/pg/server.log" >&2
  return 1
}

start_redis() {
  local dir=$1 port tried looked
  mkdir -p "$dir/redis"
  for tried in 1 2 3 4 5; do
    port=$(free_port)
    redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir/redis" \
      >"$dir/redis/redis.log" 2>&1 &
    servers_redis_pid=$!
    for looked in $(seq 100); do
      if grep -q 'Ready to accept connections' "$dir/redis/redis.log"; then
        export TEST_REDIS_URL="redis://127.0.0.1:$port/"
        return 0
      fi
      kill -0 "$servers_redis_pid" 2>/dev/null || break
      sleep 0.05
    done
    kill "$servers_redis_pid" 2>/dev/null || true
    echo "Redis did not start on port $port (attempt $tried, look $looked)" >&2
  done
  return 1
}

servers_start() {
  servers_dir=$(mktemp -d)
  # The server's own account must be able to enter.
  chmod 755 "$servers_dir"
  [ -n "${TEST_PG_URL:-}" ] || start_postgres "$servers_dir" "$1"
  [ -n "${TEST_REDIS_URL:-}" ] || start_redis "$servers_dir"
}

servers_stop() {
  [ -n "$servers_dir" ] || return 0
  if [ -f "$servers_dir/pg/postmaster.pid" ]; then
    as_postgres "$servers_pg_bin/pg_ctl" -D "$servers_dir/pg" -m immediate -w stop >/dev/null 2>&1 || true
  fi
  if [ -n "$servers_redis_pid" ]; then
    kill "$servers_redis_pid" 2>/dev/null || true
    wait "$servers_redis_pid" 2>/dev/null || true
  fi
  rm -rf "$servers_dir"
  servers_dir=
}
