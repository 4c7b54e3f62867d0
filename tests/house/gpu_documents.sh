#!/usr/bin/env bash
# docs/gpu.md says the least versions of cmake/cuda_versions.txt, and README.md's command for a GPU.
# gpu_documents.sh <source root>
set -euo pipefail
cd "$1"
failed=0
stated=$(sed -n 's/^| \([a-z_]*\) | \([0-9][0-9.]*\) |.*/\1 \2/p' docs/gpu.md)
wanted=$(sed -n 's/^\([a-z_]*\) \([0-9][0-9.]*\).*/\1 \2/p' cmake/cuda_versions.txt)
[ "$(wc -l <<<"$wanted")" = 5 ] || { echo "cmake/cuda_versions.txt: expected 5 versions; received: $wanted"; failed=1; }
diff <(echo "$wanted") <(echo "$stated") || { echo "docs/gpu.md does not say the versions of cmake/cuda_versions.txt"; failed=1; }
command=$(grep -m1 'tools/setup_cuda.sh &&' README.md)
grep -qxF "$command" docs/gpu.md || { echo "docs/gpu.md does not hold README.md's command: $command"; failed=1; }
[ $failed = 0 ] && echo "docs/gpu.md agrees with cmake/cuda_versions.txt and README.md"
