# Helpers of quickstart.sh, test.sh, setup.sh and .ci/run. Sourced, never run.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Debian's interpreter, not one that a version manager put first in PATH.
python=/usr/bin/python3

if [ -t 1 ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
  bold='' red='' green='' yellow='' plain=''
fi

say() { printf '%s\n' "$*"; }
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

# complain WHAT REMEDY: on stderr, does not exit.
complain() {
  printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
  printf '       remedy: %s\n' "$2" >&2
}

fail() {
  complain "$1" "$2"
  exit 1
}

# Seconds as "1 min 05 s".
duration() {
  if [ "$1" -lt 60 ]; then
    printf '%d s' "$1"
  else
    printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
  fi
}

# Compile jobs: one a core, but no more than memory allows (the largest files take 2.5 GB under
# a sanitizer). JOBS overrides it.
jobs() {
  if [ -n "${JOBS:-}" ]; then
    echo "$JOBS"
    return
  fi
  local by_memory
  by_memory=$(awk '/^MemAvailable:/ {print int($2 / 2500000)}' /proc/meminfo)
  local count
  count=$(nproc)
  [ "$by_memory" -ge "$count" ] || count=$by_memory
  [ "$count" -ge 1 ] || count=1
  echo "$count"
}

# configure PRESET: skipped while its result is newer than the presets; Ninja itself repeats it when
# a CMakeLists.txt changes.
configure() {
  [ "$root/build/$1/build.ninja" -nt "$root/CMakePresets.json" ] || cmake --preset "$1"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  configure "$preset"
  NINJA_STATUS=${NINJA_STATUS:-'[%f/%t] '} \
    cmake --build --preset "$preset" -j "$(jobs)" ${1:+--target "$@"}
}
