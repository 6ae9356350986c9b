# shellcheck shell=bash
# Sourced: what waits more than it works goes on beside other steps.

# beside LOG FUNCTION: starts a function; what it says goes to the file.
beside() {
    second_log=$1
    set -m
    "$2" >"$second_log" 2>&1 &
    second=$!
    set +m
    # Its group: what it has started goes with it.
    trap 'kill -- "-$second" 2>/dev/null || true' EXIT
}

# Waits for it and shows what it said; ends the script as it ended when it failed.
joined() {
    local passed=0
    wait "$second" || passed=$?
    trap - EXIT
    cat "$second_log"
    ((passed == 0)) || exit "$passed"
}
