# Runs named phases, times them and counts what passed: sourced by scripts/test and .ci/run.
#
#   phase_begin LOG_FOLDER     once, first
#   phase KIND NAME COMMAND... runs a phase; returns non-zero if it failed
#   phase_missing NAME WHY     counts a phase that could not be run as one failure
#   phase_end                  prints the table and the summary line; non-zero if anything failed
#
# Kinds: `step` counts only when it fails (a build); `check` counts as one test; `summary` ends with
# a line "N passed, N failed, N skipped"; `ctest` writes ctest's JUnit file to $PHASE_JUNIT.
# A phase that fails without counting a failure, or prints no summary, counts as one failure.
# shellcheck shell=bash

phase_begin() {
  PHASE_LOGS=$1
  PHASE_TABLE=()
  PHASE_PASSED=0 PHASE_FAILED=0 PHASE_SKIPPED=0
  export PHASE_JUNIT=$PHASE_LOGS/ctest.xml
  mkdir -p "$PHASE_LOGS"
}

phase_number() {  # TEXT NAME: the value of NAME="value" in TEXT, 0 if there is none
  local value
  value=$(sed -n "s/.* $2=\"\([0-9]*\)\".*/\1/p" <<<"$1")
  echo "${value:-0}"
}

phase_count_ctest() {  # sets passed, failed, skipped from the JUnit file
  local suite
  suite=$(tr '\n\t' '  ' 2>/dev/null <"$PHASE_JUNIT" | sed -n 's/.*\(<testsuite [^>]*>\).*/\1/p')
  failed=$(phase_number "$suite" failures)
  skipped=$(($(phase_number "$suite" skipped) + $(phase_number "$suite" disabled)))
  passed=$(($(phase_number "$suite" tests) - failed - skipped))
}

phase_count_summary() {  # LOG: sets passed, failed, skipped from the last summary line
  local line
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1" | tail -n 1)
  if [ -n "$line" ]; then
    IFS=' ,' read -r passed _ failed _ skipped _ <<<"$line"
  fi
}

phase_record() {  # NAME SECONDS PASSED FAILED SKIPPED
  PHASE_PASSED=$((PHASE_PASSED + $3))
  PHASE_FAILED=$((PHASE_FAILED + $4))
  PHASE_SKIPPED=$((PHASE_SKIPPED + $5))
  PHASE_TABLE+=("$(printf '%-28s %4d s  %5d passed %4d failed %4d skipped' "$@")")
}

phase() {
  local kind=$1 name=$2 started=$SECONDS code passed=0 failed=0 skipped=0
  shift 2
  local log=$PHASE_LOGS/${name//[^a-zA-Z0-9]/-}.log
  rm -f "$PHASE_JUNIT"
  echo "=== $name"
  "$@" </dev/null 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  case $kind in
    check) if [ "$code" -eq 0 ]; then passed=1; else failed=1; fi ;;
    summary) phase_count_summary "$log" ;;
    ctest) phase_count_ctest ;;
  esac
  if [ "$kind" != step ] && [ $((passed + failed + skipped)) -eq 0 ]; then
    echo "$name: counted no test at all"
    failed=1
  fi
  if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
    echo "$name: exit code $code"
    failed=1
  fi
  phase_record "$name" $((SECONDS - started)) "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ]
}

phase_missing() {
  echo "=== $1: not run, $2"
  phase_record "$1" 0 0 1 0
}

phase_end() {
  echo
  printf '%s\n' "${PHASE_TABLE[@]}"
  echo "$SECONDS s in all; logs in ${PHASE_LOGS#"$PWD/"}"
  echo "$PHASE_PASSED passed, $PHASE_FAILED failed, $PHASE_SKIPPED skipped"
  [ "$PHASE_FAILED" -eq 0 ] && [ "$PHASE_PASSED" -gt 0 ]
}
