#!/bin/sh
# Installs the Debian packages named as arguments, as root, without letting them start anything:
# a temporary policy-rc.d stops auto-start, and PostgreSQL's own "main" cluster is not created.
# Both changes are taken back at the end, also after an interruption.
set -u
export DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
cluster_settings=/etc/postgresql-common/createcluster.conf
made_policy=
kept_cluster_settings=

take_back() {
    [ -z "$made_policy" ] || rm -f "$policy"
    [ -z "$kept_cluster_settings" ] || mv -f "$cluster_settings.kith" "$cluster_settings"
}
trap take_back EXIT
trap 'exit 130' HUP INT TERM

get() {
    apt-get -y -q -o DPkg::Lock::Timeout=300 "$@"
}

# A mirror that hands out a broken archive mostly does better the second time.
install() {
    get install --no-install-recommends "$@" && return
    get update
    get install --no-install-recommends "$@"
}

if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

get update
case " $* " in
*" postgresql "*)
    install postgresql-common || exit
    if [ -e "$cluster_settings" ] && [ ! -e "$cluster_settings.kith" ]; then
        cp -p "$cluster_settings" "$cluster_settings.kith" || exit
        kept_cluster_settings=yes
        printf '\ncreate_main_cluster = false\n' >>"$cluster_settings"
    fi
    ;;
esac
install "$@"
