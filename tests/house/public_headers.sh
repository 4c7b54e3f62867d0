#!/usr/bin/env bash
# Each public header compiles on its own, brings no third-party header along, and is in strata/strata.h.
# public_headers.sh <compiler, with launcher> <source root> <build root> [<internal header or folder>...]
set -euo pipefail
compiler=$1 source=$2 build=$3
shift 3
# A folder that stays, so that a compiler cache recognizes the files.
work=$build/public_headers
mkdir -p "$work"
cd "$work"

( cd "$source" && find core layers optim data distributed models -name '*.h' | sort ) > all
echo core/base/version.h >> all
: > internal
for header in "$@"; do
  echo "/$header(/|\$)" >> internal
  sed -i -e "\|^$header\$|d" -e "\|^$header/|d" all
done
[ "$(wc -l < all)" -gt 1 ] || { echo "no public header was found below $source"; exit 1; }

# compile <header> <name>: leaves the list of all files it includes in <name>.includes.
compile() {
  echo "#include \"$1\"" > "$2.cpp.new"
  cmp -s "$2.cpp.new" "$2.cpp" || mv "$2.cpp.new" "$2.cpp"
  # shellcheck disable=SC2086  # launcher and compiler are separate words
  $compiler -std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Werror -I"$source" -I"$build/generated" \
    -MD -MF "$2.d" -c "$2.cpp" -o "$2.o" || return 1
  tr -s ' \\' '\n\n' < "$2.d" > "$2.includes"
}

check() {
  local header=$1 name=${1//\//_} foreign inner
  compile "$header" "$name" || { echo "$header does not compile on its own"; return 1; }
  # Ours apart: their own names and the build's folder may say "cuda". A compiler cache may have made paths relative.
  foreign=$(xargs -a "$name.includes" realpath -m -- | grep -v -e "^$source/" -e "^$build/" | grep -m3 -E \
    '/(Eigen|eigen3|oneapi|dnnl[^/]*|hdf5|H5[^/]*|cuda[^/]*|curl|openssl|zip|zipconf|google|nlohmann|fmt|CLI|graphviz|png|jpeglib|turbojpeg)(/|$|\.h)' || true)
  [ -z "$foreign" ] || { echo "$header brings along" $foreign; return 1; }
  inner=$(grep -m3 -E -f internal "$name.includes" || true)
  [ -z "$inner" ] || { echo "$header includes the internal" $inner; return 1; }
}
export -f check compile
export compiler source build
xargs -a all -P "$(nproc)" -I{} bash -c 'check {}' || { echo "(see above)"; exit 1; }

compile strata/strata.h umbrella
missing=0
while read -r header; do
  grep -q "/$header\$" umbrella.includes || { echo "strata/strata.h does not reach $header"; missing=1; }
done < all
[ $missing = 0 ] || exit 1
echo "$(wc -l < all) public headers stand on their own"
