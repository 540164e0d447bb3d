#!/usr/bin/env bash
# From a fresh clone to predictions: installs packages, builds, serves model_repo/, asks, stops.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=.ci/lib.sh
. .ci/lib.sh

usage() {
  cat <<'TEXT'
Usage: ./quickstart.sh [--serve]

Installs what is missing (Debian 12; root or sudo), builds Hadron, starts it on model_repo/, sends
requests over REST and gRPC, prints the predictions, stops the server.

  --serve   leave the server running at the end, print its URLs; Ctrl-C stops it
TEXT
}

bin=build/release/bin
work=build/quickstart
steps=5
current=''
server=''

# ---- progress ---------------------------------------------------------------

begin() { # NUMBER WHAT REMEDY
  current="$2"
  remedy="$3"
  printf '\n%s[%d/%d] %s%s  (%s)\n' "$bold" "$1" "$steps" "$2" "$plain" "$(duration $SECONDS)"
}

# Runs at every exit: no server is left behind, and a failed step says its name.
conclude() {
  local status=$?
  trap - EXIT INT TERM
  stop_server || true
  if [ "$status" -eq 130 ] || [ "$status" -eq 143 ]; then
    say "interrupted in step '$current'" >&2
  elif [ "$status" -ne 0 ]; then
    complain "quickstart failed in step '$current' after $(duration $SECONDS)" "$remedy"
  fi
  exit "$status"
}

# The command as one could type it; only an argument of many hundred characters is cut.
show() {
  local words=() word
  for word in "$@"; do
    [ "${#word}" -le 300 ] || word="${word:0:60}..."
    [[ $word =~ ^[A-Za-z0-9_./:=,@+-]+$ ]] || word="'$word'"
    words+=("$word")
  done
  printf '  $ %s\n' "${words[*]}"
}

# Prints a command and runs it, its output indented.
try() {
  show "$@"
  "$@" 2>&1 | sed 's/^/    /'
}

# ---- the server -------------------------------------------------------------

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The port, or 0 (any free one) where somebody listens on it already.
choose_port() { # PORT NAME
  if taken "$1"; then
    say "  port $1 ($2) is in use here: taking a free one" >&2
    echo 0
  else
    echo "$1"
  fi
}

port_of() { sed -n "s/.*\"$1\"[^0-9]*\([0-9]\{1,\}\).*/\1/p" "$work/ports.json"; }

start_server() {
  mkdir -p "$work"
  rm -f "$work/ports.json"
  local command=("$bin/hadron" --model-repository=model_repo
    --http-port="$(choose_port 8000 REST)"
    --grpc-port="$(choose_port 8001 gRPC)"
    --metrics-port="$(choose_port 8002 metrics)"
    --port-file="$work/ports.json")
  show "${command[@]}"
  "${command[@]}" </dev/null >"$work/server.log" 2>&1 &
  server=$!
  wait_for_ports
  http=$(port_of http)
  grpc=$(port_of grpc)
  metrics=$(port_of metrics)
}

# The file appears when the server is ready. Sixty seconds are twenty times what it needs.
wait_for_ports() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    [ ! -s "$work/ports.json" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$work/server.log" >&2
  return 1
}

# Asks it to drain; after 40 s, more than its own budget, it is ended. Returns its exit status.
stop_server() {
  [ -n "$server" ] || return 0
  local pid=$server tries status=0
  server=''
  kill -TERM "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 400; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || status=$?
  return "$status"
}

# ---- requests ---------------------------------------------------------------

cli_rest() { try "$bin/hadron-cli" --url "http://127.0.0.1:$http" "$@"; }
cli_grpc() { try "$bin/hadron-cli" --grpc "127.0.0.1:$grpc" "$@"; }

# 64 numbers from a normal distribution, the same in every run: the "noise" of the shower generator.
noise() {
  awk 'BEGIN {
    srand(7)
    for (i = 0; i < 64; i++)
      printf "%s%.4f", i ? "," : "", sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand())
  }'
}

ask() {
  say "  What is there, and is it ready? (REST)"
  cli_rest models

  say "  A handwritten digit, as the model sees it, and what it is (REST):"
  cli_rest infer digits --input image=clients/cli/samples/digit_7.pgm

  say "  A 50 GeV electron in a calorimeter, made by a generative network (gRPC):"
  noise >"$work/noise.txt"
  cli_grpc infer calo_gan --input "noise=$(cat "$work/noise.txt")" --input energy=50

  say "  A jet of 420 GeV with a mass of 81 GeV: from a W boson, or from QCD? (gRPC)"
  say "  features: pt, eta, mass, tau21, tau32, multiplicity, width, ptd"
  cli_grpc infer jet_bdt --input features=420,0.3,81,0.25,0.7,20,0.14,0.27

  say "  The protocol itself: sum and difference of two vectors (REST, any HTTP client):"
  local body
  body=$(vector_request)
  try curl --silent --show-error --fail-with-body --max-time 10 \
    -H 'Content-Type: application/json' -d "$body" \
    "http://127.0.0.1:$http/v2/models/simple/infer"
  say
}

vector_request() {
  local tensor='{"name":"%s","datatype":"INT32","shape":[1,16],"data":[%s]}'
  # shellcheck disable=SC2059
  printf "{\"inputs\":[$tensor,$tensor]}" \
    INPUT0 "$(seq -s, 1 16)" INPUT1 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1
}

print_urls() {
  say "  REST     http://127.0.0.1:$http/v2"
  say "  gRPC     127.0.0.1:$grpc"
  say "  metrics  http://127.0.0.1:$metrics/metrics"
  say "  log      $work/server.log"
}

# ---- main -------------------------------------------------------------------

main() {
  local serve=0
  case ${1:-} in
    '') ;;
    --serve) serve=1 ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 1 ;;
  esac
  trap conclude EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  begin 1 'packages' 'the message above says what to do; the log is build/setup.log'
  ./setup.sh build run

  begin 2 'build (the first time takes some minutes)' \
    "run again: it goes on where it stopped; 'rm -rf build/release' starts afresh"
  build release hadron hadron-cli

  begin 3 'server' "read $work/server.log"
  start_server
  print_urls

  begin 4 'requests' "read $work/server.log; ./quickstart.sh --serve lets you try by hand"
  ask

  if [ "$serve" -eq 1 ]; then
    begin 5 'serving until Ctrl-C' "read $work/server.log"
    trap 'exit 0' INT TERM
    print_urls
    wait "$server"
  else
    begin 5 'stop' "read $work/server.log"
    stop_server
    say "  stopped. ./quickstart.sh --serve leaves it running."
  fi
  say
  say "${green}done${plain} in $(duration $SECONDS)"
}

main "$@"
