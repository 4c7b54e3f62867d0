#!/usr/bin/env bash
# Runs the libFuzzer targets, two at a time: run.sh BUILD SECONDS [TARGET...]
#
# BUILD is the folder of the preset `fuzz`. What the targets learn stays in BUILD/fuzz/corpus, and a later run goes on from
# there. An input that crashes, takes more than 10 seconds or more memory than below ends up in BUILD/fuzz/found; to
# repeat it: BUILD/fuzz/TARGET BUILD/fuzz/found/TARGET-...
set -euo pipefail
sources=$(cd "$(dirname "$0")" && pwd)
folder=$1/fuzz seconds=$2
shift 2
[ $# -gt 0 ] || set -- bmp gif hdf5_layouts idx jpeg json npy png wire zip
mkdir -p "$folder/found" "$folder/corpus"
python3 "$sources/make_seeds.py" "$folder/seeds"

run_one() {
  local target=$1 folder=$2 seconds=$3 status=0 longest=2048
  case $target in
    json) longest=8192 ;;  # a small model
    hdf5_layouts) longest=512 ;;  # a dozen changes
    wire) longest=4608 ;;
  esac
  local options=(-max_total_time="$seconds" -max_len=$longest -len_control=0 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512
    -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$folder/found/$target-")
  [ "$target" != json ] || options+=(-dict="$folder/seeds/json.dict")
  mkdir -p "$folder/corpus/$target"
  "$folder/$target" "${options[@]}" "$folder/corpus/$target" "$folder/seeds/$target" >"$folder/$target.log" 2>&1 || status=$?
  if [ $status -ne 0 ]; then
    grep -v '^#' "$folder/$target.log" | tail -60
    echo "$target: FAILED with status $status, see $folder/$target.log"
    return 1
  fi
  printf '%-14s %s, %s inputs, %s MB\n' "$target" "$(grep -om1 'Seed: [0-9]*' "$folder/$target.log")" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$target.log")" \
    "$(sed -n 's/^stat::peak_rss_mb: *//p' "$folder/$target.log")"
}
export -f run_one
printf '%s\n' "$@" | xargs -P 2 -I '{}' bash -euc 'run_one "$@"' run_one '{}' "$folder" "$seconds"
