#!/bin/sh
# Refuses a missing or wrong stage of `make TARGET STAGE=…` before anything is installed. Python may be missing still,
# so this repeats the rules of ops/config.py (check_stage), which every command checks again.
set -u
LC_ALL=C
export LC_ALL

target=$1
stage=${STAGE:-}
fail() { printf '%s\n' "$*" >&2; exit 2; }

[ -n "$stage" ] || fail "make $target needs a stage: make $target STAGE=dev"
case $stage in
*[!a-z0-9-]* | [!a-z]* | *- | ?????????????????*)
    fail "'$stage' can't be a stage's name, because it is part of the buckets' names. Use 1 to 16 of a-z, 0-9 and -," \
        "with a letter first and no - at the end."
    ;;
esac
for function in api_handler process media stream fetch index render sweep publish deliver; do
    case $stage in
    *-"$function")
        fail "'$stage' can't be a stage's name, because its API would get the name of another stage's function" \
            "'$function'. Choose a name that does not end with -$function."
        ;;
    esac
done
