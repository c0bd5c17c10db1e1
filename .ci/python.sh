# A private Python environment of pinned packages, from PyPI. Sourced by the `run` of tests/compat, tests/browser, tests/deploy.
#
#   python_install                           installs venv when missing (Debian, as root)
#   python_environment FOLDER REQUIREMENTS   makes it under FOLDER once; its path is then in $venv
#
# Both call `skip REASON`, which the caller defines and which does not return, where there is nothing to work with.

venv=

python_ready() { python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python_install() {
  python_ready && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing python3-venv"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv \
      >/dev/null; } || skip "apt-get could not install python3-venv"
  fi
  python_ready || skip "it needs Python 3.11 or later with venv (Debian: apt-get install python3-venv)"
}

# pypi LOG PIP-ARGUMENTS…: pip as it must be called; skips where PyPI is out of reach.
pypi() {
  local log=$1; shift
  "$venv/bin/python" -m pip "$@" --quiet --disable-pip-version-check --retries 2 --timeout 20 \
    --require-hashes --only-binary :all: >"$log" 2>&1 9>&- && return 0
  cat "$log" >&2
  ! grep -qE 'connection broken|Max retries exceeded|timed out|Failed to establish|ProxyError' "$log" ||
    skip "PyPI cannot be reached"
  return 1
}

# One environment for each list of packages and each Python; made by one run, waited for by others. A second list,
# `archives.txt` beside the first, names packages that are only fetched: their files are then in $venv/archives.
python_environment() {
  local folder=$1 requirements=$2 named archives
  archives=$(dirname "$requirements")/archives.txt
  named=$({ python3 --version; cat "$requirements"; cat "$archives" 2>/dev/null || true; } | sha256sum | cut -c1-16)
  venv=$folder/venv-$named
  mkdir -p "$folder"
  exec 9>"$folder/lock"
  flock 9
  if [ ! -e "$venv/complete" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    pypi "$folder/install.log" install -r "$requirements" || return 1
    [ ! -e "$archives" ] ||
      pypi "$folder/install.log" download --no-deps --dest "$venv/archives" -r "$archives" || return 1
    touch "$venv/complete"
  fi
  flock -u 9
  exec 9>&-
}
