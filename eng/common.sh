# shellcheck shell=bash
# What every script that starts a private server shares. Sourced; the caller defines KIND, its own name.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"

die() {
    echo "eng/$KIND: $*" >&2
    exit 1
}

# There is no server to be had here, which is not a fault: exit code 4, so that tests can be skipped for it.
unavailable() {
    echo "eng/$KIND: $*" >&2
    exit 4
}

say() { echo "eng/$KIND: $*" >&2; }

is_root() { [ "$(id -u)" = 0 ]; }

# The account a server runs under: never root.
run_user() {
    if ! is_root; then id -un
    elif id mysql >/dev/null 2>&1; then echo mysql
    else echo nobody
    fi
}

# Whether that account can reach a folder (a folder under /root, say, it cannot).
reachable() {
    if is_root; then setpriv --reuid "$(id -u "$(run_user)")" --regid "$(id -g "$(run_user)")" --clear-groups test -x "$1"; else test -x "$1"; fi
}

hash_of() { printf '%s' "$1" | cksum | cut -d' ' -f1; }

# Where unpacked binaries are kept.
cache_folder() {
    local folder="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/millrace"
    if mkdir -p "$folder" 2>/dev/null && reachable "$folder"; then
        echo "$folder"
    else
        mkdir -p /var/cache/millrace && echo /var/cache/millrace
    fi
}

# apt-get install without starting services and without removing anything that is there.
apt_install() {
    local guard=/usr/sbin/policy-rc.d guarded=
    if [ ! -e "$guard" ]; then
        guarded=1
        printf '#!/bin/sh\nexit 101\n' >"$guard"
        chmod 755 "$guard"
    fi
    local options=(-y -q --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300) done=
    export DEBIAN_FRONTEND=noninteractive
    if apt-get install "${options[@]}" "$@" >&2 </dev/null || { apt-get update -q >&2 </dev/null && apt-get install "${options[@]}" "$@" >&2 </dev/null; }; then
        done=1
    fi
    if [ -n "$guarded" ]; then rm -f "$guard"; fi
    [ -n "$done" ]
}

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port
    while :; do
        # Below the range that the system gives to outgoing connections.
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if port_is_free "$port"; then
            echo "$port"
            return
        fi
    done
}

pause() { read -rt "$1" <> <(:) || :; }

# watch_owner OWNER PID WORD: ends the server PID, whose command line has WORD, when the process that wanted it is gone, however it went.
# A server that is stopped (SIGSTOP) has to go on to see that it ends.
watch_owner() {
    if [ -z "$1" ]; then return; fi
    setsid bash -c 'while kill -0 "$1" 2>/dev/null && kill -0 "$2" 2>/dev/null; do sleep 1; done; if grep -qaF -- "$3" "/proc/$2/cmdline" 2>/dev/null; then kill "$2"; kill -CONT "$2"; fi' \
        watch "$1" "$2" "$3" >/dev/null 2>&1 </dev/null 9>&- &
}
