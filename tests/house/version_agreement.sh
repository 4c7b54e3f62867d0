#!/usr/bin/env bash
# project(VERSION) is what everything says.
# version_agreement.sh <version> <source root> <build root> <probe> [<program with --version>...]
set -euo pipefail
version=$1 source=$2 build=$3 probe=$4
shift 4
failed=0
agree() {  # agree <what> <stated>
  [ "$2" = "$version" ] || { echo "$1 says '$2'; CMakeLists.txt says '$version'"; failed=1; }
}
agree "CHANGELOG.md" "$(grep -m1 -oP '^## \K[0-9.]+' "$source/CHANGELOG.md" || true)"
agree "strata::version()" "$("$probe" --version)"
agree "the package's version file" "$(grep -m1 -oP '^set\(PACKAGE_VERSION "\K[^"]+' "$build/strataConfigVersion.cmake" || true)"
agree "the library's file name" "$(basename "$(readlink -f "$build/lib/libstrata.so")" | sed 's/^libstrata\.so\.//')"
soname=$(readelf -d "$build/lib/libstrata.so" | grep -oP 'SONAME.*\[libstrata\.so\.\K[0-9.]+')
[ "$soname" = "${version%.*}" ] || { echo "the soname says '$soname'; expected '${version%.*}'"; failed=1; }
for program in "$@"; do
  agree "$(basename "$program") --version" "$("$program" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n1)"
done
[ $failed = 0 ] && echo "everything says $version"
