# shellcheck shell=sh
# Steps of a set-up: each is started, shown with its time, logged, and ended on Ctrl-C. Sourced by bootstrap.sh.

# After `sudo make` in a user's checkout, .venv must belong to the user.
give_to_owner() {
    if [ "$(id -u)" -eq 0 ] && [ "$(stat -c %u .)" -ne 0 ]; then
        chown -R "$(stat -c %u:%g .)" .venv
    fi
}

# Ends the processes that were started, and gives .venv to its owner.
abandon() {
    trap '' INT TERM HUP
    for each in $children; do
        kill -s TERM -- "-$each" 2>/dev/null || kill -s TERM "$each" 2>/dev/null
    done
    wait
    give_to_owner
}

stop() {
    abandon
    printf '\n'
    print_error 'set-up interrupted; the next run starts it again.'
    exit 130
}

show_failure() {
    say failed
    print_error "$1: failed. The last lines of $here/$2:"
    tail -n 25 "$2" | sed 's/^/    /' >&2
    print_error 'No network, or no package index? Repeat this command when it is available. For a mirror, configure pip'
    print_error 'and apt as usual (pip.conf, PIP_INDEX_URL, apt.conf).'
    abandon
    exit 1
}

# begin LOG COMMAND...: starts the command in its own process group; sets `begun` to its process id.
begin() {
    into=$1
    shift
    setsid "$@" >>"$into" 2>&1 </dev/null &
    begun=$!
    children="$children $begun"
}

# finish WHAT ABOUT PID LOG: waits for the process and prints the result.
finish() {
    printf '  %-44s %-14s' "$1" "($2)"
    wait "$3" || show_failure "$1" "$4"
    now=$(date +%s)
    say "done at $((now - started)) s"
}

step() {
    what=$1
    about=$2
    shift 2
    printf '\n== %s\n' "$what" >>"$log"
    begin "$log" "$@"
    finish "$what" "$about" "$begun" "$log"
}
