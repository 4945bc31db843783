#!/bin/bash
# Goal: a corpus replay runs every input, and fails without one. Method: compile the replay with a
# target that prints the sizes it is given, run it on two files and on an empty folder.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/target.cc" <<'CPP'
#include <cstddef>
#include <cstdint>
#include <cstdio>
extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t size) { return std::printf("%zu\n", size), 0; }
CPP
"${CXX:-g++}" -std=c++20 -O0 replay_main.cc "$work/target.cc" -o "$work/replay"
mkdir -p "$work/two/nested" "$work/none"
printf abc >"$work/two/nested/a"
printf '' >"$work/two/z"
diff <("$work/replay" -runs=0 "$work/two") <(printf '3\n0\n2 inputs replayed\n')
if "$work/replay" "$work/none"; then
  echo "a corpus without inputs passes" >&2
  exit 1
fi
