#!/bin/sh
# The commands of the Makefile in this folder, which passes the settings in the environment.
set -eu
umask 077
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
here=$(pwd)
ended=
mark='kdc-lab state'

fail() {
    code=$1
    shift
    echo "kdc-lab: $*" >&2
    exit "$code"
}

# Changes into the state directory. From then on every name is relative to it, so nobody can replace the directory.
# Returns 1 if there is none yet. Refuses a directory that kdc-lab does not own: it overwrites and removes files.
enter() {
    while [ "$STATE" != "${STATE%?/}" ] && [ "$STATE" != / ]; do STATE=${STATE%/}; done
    [ -n "$STATE" ] || fail 2 "STATE is empty: name a directory, as in make up STATE=/another/directory"
    [ ! -L "$STATE" ] || fail 2 "$STATE is a symbolic link: name the directory itself, or another one, with STATE="
    [ -e "$STATE" ] || return 1
    [ -d "$STATE" ] || fail 2 "$STATE is not a directory: move it away, or name another one with STATE="
    cd -P -- "$STATE" || fail 2 "$STATE cannot be entered by $(id -un): name another directory with STATE="
    STATE=$(pwd -P)
    [ -O . ] || fail 2 "$STATE belongs to $(stat -c %U .): name one of your own directories with STATE="
    if [ -L lock ] || [ ! -f lock ] || [ "$(cat lock)" != "$mark" ]; then
        # An empty directory is accepted like a new one, and so is one with an empty file for the mark.
        [ -z "$(find . -mindepth 1 ! '(' -path ./lock -type f -empty ')' -print -quit)" ] ||
            fail 2 "$STATE was not made by this kdc-lab, so nothing in it is changed: move it away, or name another" \
                "directory with STATE="
        return 0
    fi
    [ -z "$(find . -prune -perm /022)" ] ||
        fail 2 "$STATE is writable for other users; if nobody else put anything there: chmod 700 '$STATE'"
}

# krb5kdc inherits the file descriptor of the lock, so the lock is held exactly as long as krb5kdc runs.
running() {
    [ -f lock ] && ! flock -n lock true
}

quoted() {
    printf '%s' "$1" | sed 's/[&|\\]/\\&/g'
}

fill() {
    sed -e "s|\${realm}|$(quoted "$REALM")|g" -e "s|\${domain}|$(quoted "$DOMAIN")|g" \
        -e "s|\${listen}|$(quoted "$LISTEN")|g" -e "s|\${directory}|$(quoted "$STATE")|g" \
        -e "s|\${max_life}|$MAX_LIFE|g" -e "s|\${max_renewable_life}|$MAX_RENEWABLE_LIFE|g" \
        -e "s|\${kdcs}|        kdc = $(quoted "$LISTEN")|g" -e '/^\${options}$/d' \
        "$here/$1" > "$1"
}

port_taken() {
    port=$(printf ':%04X' "${LISTEN##*:}")
    awk -v port="$port" 'FNR > 1 && substr($2, 9) == port && (FILENAME ~ /udp/ || $4 == "0A") { found = 1 }
        END { exit !found }' /proc/net/udp /proc/net/tcp
}

make_database() {
    rm -f principal* stash ./*.keytab made
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s\n%s\n' "$password" "$password" | kdb5_util create -s -r "$REALM" > kadmin.out 2>&1 ||
        fail 1 "kdb5_util: $(tail -n 1 kadmin.out)"
    # kadmin.local exits with 0 even if a command failed; its errors are on standard error.
    sed -e '/^#/d' -e '/^$/d' "$here/principals.kadmin" | kadmin.local -r "$REALM" > kadmin.out 2> kadmin.err
    [ ! -s kadmin.err ] || fail 1 "principals.kadmin: $(head -n 1 kadmin.err)"
    echo "$REALM" > made
}

up_to_date() {
    [ "$(cat made 2> /dev/null)" = "$REALM" ] || return 1
    [ -z "$(find "$here/principals.kadmin" "$here/kdc.conf" "$here/Makefile" -newer made)" ]
}

print_instructions() {
    cat << EOF
Realm $REALM answers on $LISTEN, UDP and TCP. Ctrl-C ends it. In another terminal:

    export KRB5_CONFIG='$STATE/krb5.conf'
    export KRB5CCNAME='FILE:$STATE/ccache'
    kinit alice        # $(sed -n 's/^addprinc .*-pw "\(.*\)" alice$/password: \1/p' "$here/principals.kadmin")
    kvno HTTP/autologon.microsoftazuread-sso.com

EOF
}

# This shell stays in the foreground, because krb5kdc handles SIGHUP (a closed terminal) by reopening its log.
serve() {
    : > kdc.log
    kdc=
    trap 'ended=yes; [ -z "$kdc" ] || kill -TERM "$kdc" 2> /dev/null' INT TERM HUP
    # The child sets the death signal; if the parent has ended before, there is no signal, so check the parent again.
    setpriv --pdeathsig KILL sh -c 'test "$PPID" = "$1" || exit 1; shift; exec "$@"' sh $$ \
        krb5kdc -n -r "$REALM" >> kdc.log 2>&1 &
    kdc=$!
    echo "$kdc" > pid
    until grep -q 'commencing operation' kdc.log; do
        kill -0 "$kdc" 2> /dev/null || break
        sleep 0.02
    done
    if kill -0 "$kdc" 2> /dev/null; then print_instructions; fi
    code=0
    wait "$kdc" || code=$?
    if [ -n "$ended" ]; then
        # The signal has ended the first wait, but not the process.
        wait "$kdc" 2> /dev/null || true
    elif [ "$code" != 0 ]; then
        fail 1 "krb5kdc ended unexpectedly, exit code $code: $(tail -n 1 kdc.log)"
    fi
}

up() {
    [ "$PPID" = "$1" ] || exit 1
    for program in krb5kdc kdb5_util kadmin.local kinit flock awk; do
        command -v "$program" > /dev/null ||
            fail 3 "$program is not installed: apt-get install krb5-kdc krb5-admin-server krb5-user util-linux mawk"
    done
    enter || { mkdir -p "$STATE" 2> /dev/null && enter; } && [ -w . ] ||
        fail 2 "$STATE cannot be written by $(id -un): make up STATE=/another/directory"
    if running; then
        fail 1 "already running, pid $(cat pid), state in $STATE: make -C kdc-lab down ends it"
    fi
    chmod 700 .
    exec 9>> lock
    flock -n 9 || fail 1 "another make up has just begun in $STATE"
    if port_taken; then
        fail 1 "port ${LISTEN##*:} is in use by another program: make up LISTEN=127.0.0.1:18089"
    fi
    echo "$mark" > lock
    fill kdc.conf
    fill krb5.conf
    export KRB5_CONFIG="$STATE/krb5.conf" KRB5_KDC_PROFILE="$STATE/kdc.conf" TMPDIR="$STATE" LC_ALL=C
    up_to_date || make_database
    serve
}

down() {
    enter && running || { echo "not running"; return 0; }
    kill -TERM "$(cat pid)"
    flock -w 5 lock true || fail 1 "pid $(cat pid) does not end within 5 s"
    echo "ended"
}

status() {
    enter && running || { echo "not running"; return 1; }
    echo "running, pid $(cat pid), $LISTEN, state in $STATE"
}

clean() {
    enter && [ -s lock ] || return 0
    ! running || fail 1 "still running: make down first"
    # By name, because the user may have put other files there.
    rm -f principal* stash ./*.keytab made pid lock kdc.conf krb5.conf kdc.log kadmin.log \
        kadmin.out kadmin.err ccache
    cd /
    rmdir "$STATE" 2> /dev/null || true
}

command=$1
shift
"$command" "$@"
