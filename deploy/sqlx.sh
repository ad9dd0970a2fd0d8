#!/usr/bin/env bash
# Compiles every checked query of one crate against its live schema and refreshes (or, with --check, compares) its
# query data in services/<name>/.sqlx. Needs psql and KITH_DATABASE_URL; needs no sqlx-cli.
#   deploy/sqlx.sh platform|identity|... [--check]
set -euo pipefail
name=$1 mode=${2:-}
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
: "${KITH_DATABASE_URL:?point it at a PostgreSQL administrator, for example with: eval \"\$(kith servers env)\"}"
database="kith_sqlx_${name}_$$"
base=${KITH_DATABASE_URL%/*}
run() { psql -qX -v ON_ERROR_STOP=1 "$@" >/dev/null; }
{
    echo "select pg_advisory_lock(4207849);"
    for role in kith_app kith_relay kith_export "${name}_owner" "${name}_signin"; do
        echo "do \$\$ begin if not exists (select from pg_roles where rolname = '$role') then create role $role nologin; end if; end \$\$;"
    done
} | run "$KITH_DATABASE_URL"
run "$KITH_DATABASE_URL" -c "create database $database"
trap 'run "$KITH_DATABASE_URL" -c "drop database if exists $database with (force)"' EXIT
run "$base/$database" -c "create schema platform"
for migration in migrations/platform/*.sql; do run "$base/$database" -f "$migration"; done
if [ "$name" != platform ]; then
    for migration in migrations/"$name"/*.sql; do run "$base/$database" -f "$migration"; done
fi
fresh=$(mktemp -d)
variable="$(echo "$name" | tr '[:lower:]' '[:upper:]')_DATABASE_URL"
touch services/"$name"/src/lib.rs
env "$variable=$base/$database" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$fresh" cargo check -q -p "kith-$name" ${TARGETS:---all-targets}
kept="services/$name/.sqlx"
if [ "$mode" = --check ]; then
    diff -r "$kept" "$fresh" || { echo "$kept is not current: run make sqlx SERVICE=$name" >&2; exit 1; }
else
    rm -rf "$kept"
    mkdir -p "$kept"
    cp "$fresh"/*.json "$kept"/ 2>/dev/null || true
fi
rm -rf "$fresh"
echo "$name: $(ls "$kept" | wc -l) queries"
