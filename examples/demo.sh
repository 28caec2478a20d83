#!/bin/sh
# The whole way, on this machine alone: an account is planned, approved, applied, edited, and a number of it released.
# Every command is shown before it runs, and the demo fails if one ends otherwise than it should.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
PATH="$root/.venv/bin:$PATH"
unset AGENTPHONE_API_KEY AGENTPHONE_TOKEN AGENTPHONE_BASE_URL AGENTPHONE_SUB_ACCOUNT
export PATH

rm -rf "$root/.demo"
mkdir "$root/.demo"
cp -R "$root/examples/agentphone.yaml" "$root/examples/prompts" "$root/.demo/"
cd "$root/.demo"

say() {
    printf '\n# %s\n' "$1"
}

# run CODE COMMAND…: show it, run it, and stop unless it ends with that exit code.
run() {
    expected=$1
    shift
    printf '\n$ %s\n' "$*"
    code=0
    "$@" </dev/null || code=$?
    if [ "$code" -ne "$expected" ]; then
        printf '\nThe demo failed: exit code %s, expected %s.\n' "$code" "$expected" >&2
        exit 1
    fi
}

# token ADDRESS: read the approval token of an address from the plan, and show how.
token() {
    pick='import json, sys; print(*(s["token"] for s in json.load(sys.stdin)["steps"] if s["token"]))'
    printf '\n$ TOKEN=$(apreconcile plan --sandbox --format json | python -c "…each step'\''s token…")\n'
    TOKEN=$(apreconcile plan --sandbox --format json | python -c "$pick")
    printf 'TOKEN=%s\n' "$TOKEN"
    case "$TOKEN" in "$1@"*) ;; *) printf '\nThe demo failed: that is not a token for %s.\n' "$1" >&2; exit 1 ;; esac
}

# edit SED-SCRIPT: change the spec, visibly.
edit() {
    printf '\n$ sed -i "%s" agentphone.yaml\n' "$1"
    sed "$1" agentphone.yaml >edited.yaml
    mv edited.yaml agentphone.yaml
}

say "A spec: two agents, a number, two webhooks. Is it right?"
run 0 apreconcile validate

say "What would it change? The account is a sandbox on this machine; nothing real is called, nothing is bought."
run 0 apreconcile plan --sandbox

say "Buying costs money, so that step waits for an approval of its own: a token that names exactly this purchase."
token buy:number.support-main
run 0 apreconcile apply --sandbox --yes --approve "$TOKEN"

say "Applied once; the second plan is empty."
run 0 apreconcile plan --sandbox

say "One edit. With --detailed-exitcode, 2 means that changes are pending."
edit 's/How can I help you today?/What can I do for you?/'
run 2 apreconcile plan --sandbox --detailed-exitcode
run 0 apreconcile apply --sandbox --yes

say "The number leaves the spec. To release it cannot be taken back, so --yes alone does not: it is held, exit 3."
edit '/^numbers:/,/^$/d'
run 3 apreconcile apply --sandbox --yes

say "With the token of exactly this release, it goes."
token release:number.support-main
run 0 apreconcile apply --sandbox --yes --approve "$TOKEN"
run 0 apreconcile sandbox ledger

cat <<'END'

# That was all of it. To go on:
#   cd .demo                                        the spec, and the sandbox's account, as the demo left them
#   ../.venv/bin/apreconcile plan --sandbox         change the spec, then look
#   ../.venv/bin/apreconcile apply --help           every way to say yes
#   export AGENTPHONE_API_KEY=…                     then without --sandbox, on your own account, begin with
#   ../.venv/bin/apreconcile init                   which writes down what is there as a spec, and buys nothing
END
