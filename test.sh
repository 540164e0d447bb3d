#!/usr/bin/env bash
# Installs what is missing, builds, and runs a tier of the checks (or the steps named).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=.ci/lib.sh
. .ci/lib.sh

quick=(setup format arch build unit op)
default=("${quick[@]}" asan tsan conformance integration)
full=("${default[@]}" services kube fuzz soak bench package coverage tidy)

usage() {
  cat <<TEXT
Usage: ./test.sh [quick | default | full | STEP...]      (nothing: default)

  quick    ${quick[*]}
  default  quick, ${default[*]:${#quick[@]}}
  full     default, ${full[*]:${#default[@]}}

Each step also runs alone: .ci/run STEP. JOBS=N sets the number of compile jobs.
Exit status 0: no step failed.
TEXT
}

# The release build is the base of these; without it they cannot say anything.
needs_build=' unit op conformance integration services kube fuzz bench '
reports=build/reports
failed_steps=() rows=()

reason_not_to_run() { # STEP
  case " ${failed_steps[*]:-} " in
    *' setup '*) echo "step 'setup' failed" ;;
    *' build '*) [[ $needs_build != *" $1 "* ]] || echo "step 'build' failed" ;;
  esac
}

row() { rows+=("$(printf '%-12s %-8s %12s  %s' "$@")"); }

run_step() { # STEP
  local name=$1 status=0 start=$SECONDS reason
  heading "$name"
  reason=$(reason_not_to_run "$name")
  if [ -n "$reason" ]; then
    say "skipped: $reason"
    row "$name" skipped '-' "$reason"
    return
  fi
  .ci/run "$name" </dev/null || status=$?
  local took
  took=$(duration $((SECONDS - start)))
  case $status in
    0) row "$name" passed "$took" '' ;;
    77) row "$name" skipped "$took" "$(cat "$reports/$name.skipped")" ;;
    *)
      row "$name" failed "$took" "status $status; alone: .ci/run $name"
      failed_steps+=("$name")
      ;;
  esac
  say "-- $name: $took"
}

# Closing lines of every test run, the table of steps, and the number of tests, in this order:
# whoever reads only the last lines learns how it went.
print_summary() {
  local name passed=0 failed=0 skipped=0 p f s
  heading "test runs"
  for name in "$@"; do
    [ ! -e "$reports/$name.summary" ] || cat "$reports/$name.summary"
    [ ! -e "$reports/$name.count" ] || {
      read -r p f s <"$reports/$name.count"
      passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    }
  done
  heading "steps ($(duration $SECONDS))"
  printf '%s\n' "${rows[@]}"
  [ "${#failed_steps[@]}" -eq 0 ] || say "${red}failed steps: ${failed_steps[*]}${plain}"
  say
  say "$passed passed, $failed failed, $skipped skipped"
}

main() {
  local steps=() name
  case ${1:-default} in
    -h | --help) usage && exit 0 ;;
    quick) steps=("${quick[@]}") ;;
    default) steps=("${default[@]}") ;;
    full) steps=("${full[@]}") ;;
    *) steps=("$@") ;;
  esac
  mkdir -p "$reports"
  rm -f "$reports"/*.summary "$reports"/*.count "$reports"/*.skipped
  say "steps: ${steps[*]}"
  for name in "${steps[@]}"; do
    run_step "$name"
  done
  print_summary "${steps[@]}"
  [ "${#failed_steps[@]}" -eq 0 ]
}

main "$@"
