# shellcheck shell=sh
# The virtual environment in .venv, with pinned and hashed packages. Sourced by bootstrap.sh.

usable_venv() {
    [ ! -e .venv/.incomplete ] && [ -x .venv/bin/pip ] &&
        grep -qsF "$here/.venv/bin/python" .venv/bin/pip && # not moved, not copied
        new_enough .venv/bin/python && .venv/bin/python -c 'import pip' 2>/dev/null
}

# Whether .venv may be removed: this script made it, or it is empty.
own_venv() {
    [ ! -L .venv ] || return 1
    [ ! -e .venv ] || [ -e .venv/setup.log ] || [ -e .venv/.incomplete ] || rmdir .venv 2>/dev/null
}

# Prints the requirements of a file without gssapi, which has no wheel for Linux; or, with "only", those of gssapi alone.
write_requirements() {
    case ${2:-} in
        only) sed -n '/^gssapi==/,/[^\\]$/p' "requirements/$1.txt" ;;
        *) sed '/^gssapi==/,/[^\\]$/d' "requirements/$1.txt" ;;
    esac
}

# Every file is complete, so nothing is resolved (--no-deps), and each download is compared with its hash.
make_venv() {
    unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_CONSTRAINT PIP_BUILD_CONSTRAINT
    TMPDIR=$here/.venv/tmp
    PIP_DISABLE_PIP_VERSION_CHECK=1
    PIP_NO_INPUT=1
    PIP_USER=0
    export TMPDIR PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT PIP_USER
    pip=.venv/bin/pip
    hashed='--no-deps --require-hashes --only-binary :all:'
    wanted=dev
    [ "$level" = dev ] || wanted=lab

    if [ ! -x $pip ]; then
        step 'virtual environment' 'about 5 s' "$python" -m venv .venv
        begin "$log" .venv/bin/python -m pip uninstall -q -y setuptools wheel # from ensurepip, not used
        wait "$begun"
    fi
    # shellcheck disable=SC2086 # the options
    step 'build tools' 'about 3 s' $pip install $hashed --target .venv/tmp/build -r requirements/build.txt

    gssapi=''
    if [ "$level" != bare ]; then
        # It is compiled while the other packages are downloaded. Without optimisation and debug data, which take
        # minutes here: at run time nearly all its time is in libkrb5.
        printf '[build_ext]\nparallel = 2\n' >.venv/tmp/build.cfg
        write_requirements lab only >.venv/tmp/gssapi.txt
        begin "$gssapi_log" env CFLAGS='-O0 -g0' DIST_EXTRA_CONFIG="$TMPDIR/build.cfg" PYTHONPATH="$TMPDIR/build" \
            $pip install --no-deps --require-hashes --no-binary gssapi --no-build-isolation -r .venv/tmp/gssapi.txt
        gssapi=$begun
    fi
    write_requirements $wanted >.venv/tmp/requirements.txt
    # shellcheck disable=SC2086
    step 'Python packages' 'about 15 s' $pip install $hashed -r .venv/tmp/requirements.txt
    [ -z "$gssapi" ] || finish 'gssapi, compiled' 'about 20 s' "$gssapi" "$gssapi_log"
    step 'ssosim' 'about 3 s' env PYTHONPATH="$TMPDIR/build" $pip install --no-deps --no-build-isolation -e .
    # No dependency is missing, and what is compiled can be loaded.
    step 'check' 'about 2 s' .venv/bin/python -c "
import subprocess, sys
import lxml.etree, cryptography.x509, aiohttp, ssosim
if sys.argv[1] != 'bare':
    import gssapi
sys.exit(subprocess.run([sys.executable, '-m', 'pip', 'check']).returncode)" "$level"
}

# Sets `lacking` to the Debian packages that are missing, and `as_root` if they can be installed; else it ends here.
find_lacking() {
    lacking=''
    if command -v dpkg-query >/dev/null; then
        lacking=$(missing_packages "$level")
    elif [ "$level" != bare ]; then
        check_other_system
    fi
    undone=''
    [ ! -d "$machine_before" ] || undone=yes
    if [ -n "$lacking$undone" ]; then
        find_root "$lacking" || refuse_without_root "$lacking"
    fi
    [ -n "$lacking" ] || need_python
}

install_packages() {
    printf '  %-44s %-14s' 'Debian packages' '(about 60 s)'
    # In the foreground, because sudo may ask for a password. Ctrl-C works in the download, and after dpkg.
    # shellcheck disable=SC2086 # one word for each package
    $as_root sh ./bootstrap.sh --packages $lacking >>"$log" 2>&1
    case $? in
        0) ;;
        130) stop ;; # sudo gives the command its own terminal: Ctrl-C arrives there, and not in this shell
        *) show_failure 'Debian packages' "$log" ;;
    esac
    say "done at $(($(date +%s) - started)) s"
    need_python
}

install_environment() {
    if ! usable_venv; then
        own_venv || {
            print_error "$here/.venv was not made by this set-up, and cannot be used. Move it away, then repeat."
            exit 2
        }
        rm -rf .venv || exit 1
    fi
    rm -f .venv/.ready-*
    mkdir -p .venv/tmp || exit 1
    : >.venv/.incomplete
    : >"$log"
    : >"$gssapi_log"
    say "ssosim: setting up $here/.venv, about a minute the first time (details: $log)"
    if [ "$level" = "$wanted_level" ] && [ -n "$lacking$undone" ]; then
        install_packages
    fi
    make_venv
    rm -rf .venv/tmp
    fingerprint >.venv/.ready.new
    rm -f .venv/.incomplete
    mv .venv/.ready.new ".venv/.ready-$level"
    give_to_owner
    say "ssosim: set up in $(($(date +%s) - started)) s"
}

set_up() {
    level=$1
    wanted_level=$1
    if [ ! -w . ] || { [ -e .venv ] && [ ! -w .venv ]; }; then
        if [ -e .venv ] && [ -w . ]; then
            print_error "the environment $here/.venv belongs to $(stat -c %U .venv) and is out of date. Remove it:"
            print_error "    sudo rm -rf '$here/.venv'"
        else
            print_error "$here is not writable for $(id -un): use your own copy (git clone '$here' ~/ssosim)."
        fi
        exit 2
    fi
    if command -v flock >/dev/null; then
        exec 9<bootstrap.sh
        flock -n 9 || { say 'ssosim: another set-up is running in this checkout; waiting for it to end.' && flock 9; }
        is_ready "$level" && exit 0
    fi

    trap stop INT TERM HUP
    started=$(date +%s)
    umask 022
    find_lacking
    install_environment
}
