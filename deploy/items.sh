#!/usr/bin/env bash
# Prints, per service, which numbered items of its README a test proves and which are not there yet.
# A test proves an item by naming it in its doc comment: `/// Proves APPT-10.`
set -euo pipefail
cd "$(dirname "$0")/.."
proven() { grep -rhoE 'Proves [A-Z]+-[0-9]+' --include='*.rs' services tests | awk '{ print $2 }' | sort -u; }
proven >/tmp/kith-proven.$$
trap 'rm -f /tmp/kith-proven.$$' EXIT
total=0 done=0
for service in identity teams matching appointments finance governance evaluation; do
    readme=services/$service/README.md
    case $service in
        identity) prefix=ID ;; teams) prefix=TEAM ;; matching) prefix=MATCH ;; appointments) prefix=APPT ;;
        finance) prefix=FIN ;; governance) prefix=GOV ;; evaluation) prefix=EVAL ;;
    esac
    listed=$(grep -oE "\b$prefix-[0-9]+" "$readme" | sort -u -t- -k2n)
    by_test=$(grep -E "^$prefix-" /tmp/kith-proven.$$ | sort -t- -k2n || true)
    missing=$(comm -23 <(echo "$listed" | sort) <(echo "$by_test" | sort) | sort -t- -k2n)
    unlisted=$(comm -13 <(echo "$listed" | sort) <(echo "$by_test" | sort) | sort -t- -k2n)
    printf '%s: %s of %s items proven\n' "$service" "$(echo "$by_test" | grep -c . || true)" "$(echo "$listed" | grep -c . || true)"
    printf '  proven:          %s\n' "$(echo $by_test)"
    printf '  not proven yet:  %s\n' "$(echo $missing)"
    if [ -n "$unlisted" ]; then printf '  proven, but not in %s: %s\n' "$readme" "$(echo $unlisted)"; exit 1; fi
    total=$((total + $(echo "$listed" | grep -c . || true))) done=$((done + $(echo "$by_test" | grep -c . || true)))
done
printf 'all: %s of %s items proven by a test\n' "$done" "$total"
