# shellcheck shell=bash
# What eng/mariadb and eng/mysql share: a private database server in a folder of its own, started and stopped without touching
# anything else on the machine. Sourced; the caller defines KIND, IMAGE, ensure_server, initialize, accounts_sql,
# server_command and client_command.
# shellcheck source=eng/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat >&2 <<USAGE
usage: eng/$KIND start DIR [PORT] [--while PID] [-- SERVER-OPTION...]
       eng/$KIND stop|kill|status|remove DIR
       eng/$KIND client DIR [OPTION...]
       eng/$KIND install

start    gets the server's binaries when they are missing, starts a private instance in DIR (on its old data, if there is any) and
         prints how to reach it, one KEY=VALUE a line. PORT: a free one by default, and the same again next time when it is still free.
         --while PID: the server stops when that process ends.
stop     ends the instance of DIR in an orderly way; kill ends it at once, as a power cut would; remove forgets its data as well.
client   opens the SQL client on it as root, or feeds it what stands on the standard input.
install  only gets the binaries.
exit codes: 1 it failed, 2 usage, 3 not running, 4 no server can be had on this machine.
USAGE
    exit 2
}

user_option() { if is_root; then echo "--user=$(run_user)"; fi; }

# The process id of the instance, when it is running and is ours.
running() {
    local pid
    pid=$(cat "$DIR/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--datadir=$DATA" && echo "$pid"
}

locate() {
    mkdir -p "$1"
    DIR=$(cd "$1" && pwd -P)
    DATA="$DIR/data"
    if is_root && ! reachable "$DIR"; then
        # The unprivileged account cannot enter DIR, so the data lie where it can, and DIR keeps the rest.
        DATA="/var/lib/millrace/$KIND-$(hash_of "$DIR")"
        mkdir -p /var/lib/millrace
    fi
    SOCKET="$DATA/server.sock"
    # A socket's path has at most 107 bytes.
    if [ ${#SOCKET} -gt 100 ]; then SOCKET="/tmp/millrace-$KIND-$(hash_of "$DIR").sock"; fi
    CONTAINER="millrace-$KIND-$(hash_of "$DIR")"
}

announce() {
    cat >"$DIR/server.env" <<ENV
KIND=$KIND
HOST=127.0.0.1
PORT=$1
USER=root
PASSWORD=
SOCKET=$2
PID=$3
LOG=$4
DATADIR=$5
ENV
    cat "$DIR/server.env"
}

start() {
    locate "$1"
    exec 9>"$DIR/lock"
    flock 9
    if running >/dev/null; then
        cat "$DIR/server.env"
        return
    fi
    ensure_server
    if [ "$SERVER" = docker ]; then
        start_container
        return
    fi

    # A server that starts deletes the temporary tables of others from a folder that they share.
    mkdir -p "$DATA.tmp"
    if is_root; then chown "$(run_user):" "$DATA.tmp"; fi

    if [ ! -e "$DATA/.ready" ]; then
        rm -rf "$DATA"
        mkdir -p "$DATA"
        chmod 700 "$DATA"
        if is_root; then chown "$(run_user):" "$DATA"; fi
        initialize >"$DIR/initialize.log" 2>&1 </dev/null || die "the data folder could not be made; $DIR/initialize.log says why: $(grep -i error "$DIR/initialize.log" | head -n 1)"
        touch "$DATA/.ready"
    fi
    # One statement a line. It runs at every start, before the first connection is taken.
    accounts_sql >"$DATA/accounts.sql"
    chmod 644 "$DATA/accounts.sql"

    # Left by a killed server; we hold the lock and know that none is running.
    rm -f "$SOCKET" "$SOCKET.lock" "$DATA/server.pid"
    local port attempt saved log="$DIR/server.log"
    saved=$(sed -n 's/^PORT=//p' "$DIR/server.env" 2>/dev/null || :)
    for attempt in 1 2 3; do
        port=${PORT:-$saved}
        if [ -z "$PORT" ] && { [ -z "$port" ] || [ "$attempt" != 1 ] || ! port_is_free "$port"; }; then port=$(free_port); fi
        if [ -e "$log" ]; then mv "$log" "$log.old"; fi
        : >"$log"
        if is_root; then chown "$(run_user):" "$log"; fi
        # The data may be ours while the log's folder is not reachable for the account: the shell opens the log.
        server_command "$port"
        setsid "${COMMAND[@]}" "${OPTIONS[@]}" >>"$log" 2>&1 </dev/null 9>&- &
        local pid=$!
        echo "$pid" >"$DIR/pid"
        local deadline=$((SECONDS + 120))
        while kill -0 "$pid" 2>/dev/null; do
            if grep -q 'ready for connections' "$log"; then
                watch_owner "$OWNER" "$pid" "--datadir=$DATA"
                announce "$port" "$SOCKET" "$pid" "$log" "$DATA"
                return
            fi
            if [ $SECONDS -ge $deadline ]; then
                kill -9 "$pid"
                die "the server did not become ready within 120 s; see $log"
            fi
            pause 0.05
        done
        rm -f "$DIR/pid"
        if [ -n "$PORT" ] || ! grep -qiE "bind on TCP/IP port|address already in use" "$log"; then break; fi
    done
    die "the server did not start; $log says: $(grep -E 'ERROR' "$log" | grep -v Aborting | head -n 1)"
}

start_container() {
    local port=${PORT:-$(free_port)}
    if docker container inspect "$CONTAINER" >/dev/null 2>&1; then
        docker start "$CONTAINER" >/dev/null
    else
        docker run -d --name "$CONTAINER" -p "127.0.0.1:$port:3306" -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 -e MYSQL_ALLOW_EMPTY_PASSWORD=1 \
            "$IMAGE" --log-bin=binlog --binlog-format=ROW --server-id="$(server_id)" "${OPTIONS[@]}" >/dev/null
    fi
    port=$(docker port "$CONTAINER" 3306/tcp | head -n 1 | sed 's/.*://')
    local deadline=$((SECONDS + 180))
    # The images start a first, private server to set up accounts; the real one is the one that listens on TCP port 3306.
    until docker logs --since "$(docker inspect -f '{{.State.StartedAt}}' "$CONTAINER")" "$CONTAINER" 2>&1 | grep -q 'port: 3306'; do
        if [ $SECONDS -ge $deadline ]; then die "the container $CONTAINER did not become ready within 180 s; see docker logs $CONTAINER"; fi
        pause 0.2
    done
    echo "$CONTAINER" >"$DIR/container"
    announce "$port" "" "" "docker logs $CONTAINER" ""
}

server_id() { echo $(($(hash_of "$DIR") % 2000000000 + 1000)); }

# TERM is an orderly shutdown to both servers, KILL is a crash.
end() {
    locate "$1"
    local signal=$2 pid
    if [ -e "$DIR/container" ]; then
        if [ "$signal" = KILL ]; then docker kill "$(cat "$DIR/container")" >/dev/null; else docker stop -t 60 "$(cat "$DIR/container")" >/dev/null; fi
        return
    fi
    pid=$(running) || return 0
    kill -"$signal" "$pid"
    local deadline=$((SECONDS + 60))
    while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
        if [ $SECONDS -ge $deadline ]; then
            say "the server did not end within 60 s of $signal and is killed"
            kill -9 "$pid"
            signal=KILL
            deadline=$((SECONDS + 60))
        fi
        pause 0.05
    done
    rm -f "$DIR/pid"
}

remove() {
    end "$1" KILL
    if [ -e "$DIR/container" ]; then docker rm -fv "$(cat "$DIR/container")" >/dev/null; fi
    rm -rf "$DATA" "$DATA.tmp" "$SOCKET" "$DIR"
}

status() {
    locate "$1"
    if running >/dev/null || { [ -e "$DIR/container" ] && [ -n "$(docker ps -q --filter "name=^$(cat "$DIR/container")\$")" ]; }; then
        cat "$DIR/server.env"
    else
        say "not running in $DIR"
        exit 3
    fi
}

client() {
    locate "$1"
    shift
    local tool
    if [ -e "$DIR/container" ]; then
        tool=$(docker exec "$(cat "$DIR/container")" sh -c 'command -v mariadb || command -v mysql')
        if [ -t 0 ]; then exec docker exec -it "$(cat "$DIR/container")" "$tool" -uroot "$@"; fi
        exec docker exec -i "$(cat "$DIR/container")" "$tool" -uroot "$@"
    fi
    running >/dev/null || die "not running in $DIR"
    ensure_server
    client_command
    exec "${CLIENT[@]}" --no-defaults "--socket=$SOCKET" --user=root "$@"
}

main() {
    local verb=${1:-}
    shift || usage
    case $verb in
        install)
            ensure_server
            echo "$SERVER"
            ;;
        start)
            [ $# -ge 1 ] || usage
            local dir=$1
            shift
            PORT='' OWNER='' OPTIONS=()
            while [ $# -gt 0 ]; do
                case $1 in
                    --) shift && OPTIONS=("$@") && break ;;
                    --while) OWNER=$2 && shift 2 ;;
                    [0-9]*) PORT=$1 && shift ;;
                    *) usage ;;
                esac
            done
            start "$dir"
            ;;
        client) [ $# -ge 1 ] || usage; client "$@" ;;
        stop) [ $# -eq 1 ] || usage; end "$1" TERM ;;
        kill) [ $# -eq 1 ] || usage; end "$1" KILL ;;
        remove) [ $# -eq 1 ] || usage; remove "$1" ;;
        status) [ $# -eq 1 ] || usage; status "$1" ;;
        *) usage ;;
    esac
}
