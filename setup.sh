#!/usr/bin/env bash
# Installs what a group of steps needs. Does nothing, quickly, where it is installed already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=.ci/lib.sh
. .ci/lib.sh

policy=/usr/sbin/policy-rc.d

usage() {
  cat <<'TEXT'
Usage: ./setup.sh [GROUP...]        (no group: build run test format)

Groups of Debian 12 packages:
  build        compiler, CMake, the libraries Hadron links
  run          what ./quickstart.sh uses beside Hadron itself (curl)
  check        Python for the architecture checks
  test         Python with NumPy, a CPU implementation of OpenCL (PoCL), oneDNN to bench against,
               PostgreSQL (nothing of it is started but by its test, in a folder of its own)
  format       clang-format 14
  tidy         clang 14 and clang-tidy 14
  object-store Swift, an object store for the integration tests (nothing of it is started)
  ceph         Ceph, another object store, for the tests with the label services
  fixtures     PyTorch, which makes the networks that the tests run
  coverage     gcovr
Not a group of packages:
  venv         build/venv with the PyPI packages of tests/requirements.txt
TEXT
}

packages_of() {
  case $1 in
    build)
      echo g++ cmake ninja-build ccache git ca-certificates pkg-config \
        libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc \
        libboost-dev opencl-headers ocl-icd-opencl-dev nlohmann-json3-dev \
        libcurl4-openssl-dev prometheus-cpp-dev libspdlog-dev libfmt-dev libcli11-dev \
        libgtest-dev libgmock-dev libpng-dev libssl-dev zlib1g-dev libexpat1-dev libpq-dev
      ;;
    run) echo curl ;;
    check) echo python3 ;;
    test) echo python3 python3-venv python3-numpy pocl-opencl-icd libdnnl-dev postgresql ;;
    format) echo clang-format-14 ;;
    tidy) echo clang-14 clang-tidy-14 ;;
    object-store)
      echo swift swift-proxy swift-account swift-container swift-object memcached
      ;;
    ceph) echo ceph-mon ceph-osd radosgw ceph-common ;;
    fixtures) echo python3-torch ;;
    coverage) echo gcovr ;;
    *) return 1 ;;
  esac
}

# Names, one a line, of the given packages that are not installed.
missing() {
  local installed
  # dpkg-query exits 1 when it does not know one of the names: that is an answer, not a failure.
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$installed")
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif [ -t 0 ]; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

check_machine() {
  command -v apt-get >/dev/null ||
    fail "this machine has no apt-get; missing: $*" \
      "use Debian 12, or install the equivalents of these packages yourself"
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "installing packages needs root, and there is no sudo here; missing: $*" \
      "run as root: apt-get install $*"
  # shellcheck disable=SC1091
  [ "$(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")" = 'debian 12' ] ||
    say "${yellow}note:${plain} Hadron is built and tested on Debian 12; this is another system"
}

update_lists() {
  say "setup: reading the package lists (apt-get update)"
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1 && return
  say "setup: that failed; once more in 5 s"
  sleep 5
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1 ||
    fail "apt-get update failed twice: $(tail -n 1 "$log")" \
      "check the network and /etc/apt/sources.list; the log is $log"
}

# Packages of services start them when they are installed. Tests start their own, on other ports:
# while packages are installed, a policy that was not there before says no.
keep_services_down() {
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
  trap 'as_root rm -f "$policy"' EXIT
}

install_packages() {
  check_machine "$@"
  update_lists
  say "setup: installing $# packages and what they need: $*"
  keep_services_down
  # Every 25th package is a line, so that a long download does not look like a hang.
  as_root apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "$@" 2>&1 | tee -a "$log" |
    awk '/^Get:/ {get++; if (get % 25 == 0) print "  fetched " get}
         /^Setting up/ {up++; if (up % 25 == 0) print "  set up " up}
         {fflush()}' ||
    fail "apt-get install failed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")" \
      "repair apt (apt-get -f install), then run this again; the log is $log"
}

install_groups() {
  local wanted=() group
  for group in "$@"; do
    # shellcheck disable=SC2207
    wanted+=($(packages_of "$group"))
  done
  local absent
  mapfile -t absent < <(missing "${wanted[@]}")
  if [ "${#absent[@]}" -eq 0 ]; then
    say "setup: the packages of $* are installed"
  else
    install_packages "${absent[@]}"
  fi
}

install_venv() {
  local stamp=build/venv/requirements.txt
  if cmp -s tests/requirements.txt "$stamp"; then
    say "setup: build/venv is up to date"
    return
  fi
  say "setup: build/venv with $(grep -v '^#' tests/requirements.txt | paste -sd ' ')"
  "$python" -m venv --clear build/venv >>"$log" 2>&1 ||
    fail "$python -m venv failed: $(tail -n 1 "$log")" "./setup.sh test, then run this again"
  build/venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt \
    >>"$log" 2>&1 ||
    fail "pip could not install tests/requirements.txt: $(tail -n 1 "$log")" \
      "check the network and pip's configuration; the log is $log"
  cp tests/requirements.txt "$stamp"
}

main() {
  local groups=() venv=0 name
  [ $# -gt 0 ] || set -- build run test format
  for name in "$@"; do
    case $name in
      -h | --help) usage && exit 0 ;;
      venv) venv=1 ;;
      *)
        packages_of "$name" >/dev/null || {
          usage >&2
          fail "there is no group '$name'" "choose from the list above"
        }
        groups+=("$name")
        ;;
    esac
  done
  mkdir -p build
  log=$PWD/build/setup.log
  [ "${#groups[@]}" -eq 0 ] || install_groups "${groups[@]}"
  [ "$venv" -eq 0 ] || install_venv
}

main "$@"
