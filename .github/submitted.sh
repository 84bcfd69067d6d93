#!/usr/bin/env bash
# Prints the folders of the submissions that one commit adds to another or changes, each ended by a NUL, in a checkout of
# the second: submitted.sh BEFORE AFTER. A file that is taken away is a change, too: it may be a verification. Workflows
# take this script from the base of a request, never from the request.
set -euo pipefail
# whoever copies or reads what lies behind a link reads the runner's own files; a submodule is somebody else's, too
links=$(git ls-tree -r "$2" -- leaderboard | awk '/^1[26]0000 /')
test -z "$links" || { echo "the request has links or submodules in leaderboard: ${links@Q}" >&2; exit 1; }
# with the slash at its end, a file in the place of the folder is none
git diff-tree -r -z --no-renames --name-only "$1" "$2" -- leaderboard/results/ | cut -z -d/ -f1-3 | sort -zu |
  while IFS= read -r -d '' folder; do
    if git cat-file -e "$2:$folder" 2> /dev/null; then printf '%s\0' "$folder"; fi
  done
