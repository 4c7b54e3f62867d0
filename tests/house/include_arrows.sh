#!/usr/bin/env bash
# Includes run one way through the folders: include_arrows.sh <repository root>, or --self-test.
# A file may include its own folder and any folder of a smaller rank; siblings share a rank.
set -euo pipefail

scan() {
  ( cd "$1" && find . -path './build*' -prune -o -path ./.git -prune -o -type f \
      \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -printf '%P\0' |
    xargs -0 -r grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*("|<strata/)' |
    awk '
      BEGIN {
        n = split("core/base core/device core/kernels core/cuda core/graph core/ops core/compile", inner, " ")
        for (i = 1; i <= n; ++i) rank[inner[i]] = i
        rank["layers"] = rank["optim"] = rank["data"] = rank["distributed"] = 8
        rank["models"] = 9; rank["strata"] = 10
        rank["examples"] = rank["tools"] = rank["tests"] = rank["bench"] = 11
      }
      function folder(path,   part) {
        split(path, part, "/")
        return part[1] == "core" ? part[1] "/" part[2] : part[1]
      }
      {
        match($0, /^[^:]*:[^:]*:/); place = substr($0, 1, RLENGTH - 1); line = substr($0, RLENGTH + 1)
        match(line, /["<][^">]*/); target = substr(line, RSTART + 1, RLENGTH - 1)
        from = folder(place); to = folder(target)
        if (!(from in rank)) { print place ": lies in no known folder"; wrong = 1 }
        else if (!(to in rank)) { print place ": \"" target "\" is not written from the root"; wrong = 1 }
        else if (from != to && rank[to] >= rank[from]) { print place ": " from " must not include \"" target "\""; wrong = 1 }
      }
      END { exit wrong }' )
}

self_test() {
  root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
  mkdir -p "$root"/{core/base,core/ops,layers,models,examples}
  printf '#include <vector>\n#include "core/base/a.h"\n' > "$root/core/ops/good.h"
  printf '#include "layers/a.h"\n#include "core/ops/a.h"\n' > "$root/models/good.cpp"
  printf '#include <strata/strata.h>\n' > "$root/examples/good.cpp"
  scan "$root" || { echo "self-test: right includes were reported"; exit 1; }
  local wrong=(core/base/b.h=core/ops/a.h core/ops/b.cpp=layers/a.h layers/b.h=optim/a.h
               layers/c.h=models/a.h models/b.cpp=examples/a.h models/c.h=strata/strata.h layers/d.h=near.h)
  local pair
  for pair in "${wrong[@]}"; do
    printf '#  include "%s"\n' "${pair#*=}" > "$root/${pair%%=*}"
    if scan "$root" >/dev/null; then echo "self-test: $pair was not reported"; exit 1; fi
    rm "$root/${pair%%=*}"
  done
  echo "self-test: ${#wrong[@]} wrong includes reported, 4 right ones passed"
}

case ${1:?usage: include_arrows.sh <root> | --self-test} in
  --self-test) self_test ;;
  *) scan "$1" && echo "all includes follow the arrows" ;;
esac
