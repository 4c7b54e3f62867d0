#!/usr/bin/env bash
# Installs the Debian packages that Strata is built with (cmake/packages.txt) and those named as arguments.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
mapfile -t packages < <(grep -vE '^(#|$)' "$root/cmake/packages.txt")
missing=()
for package in "${packages[@]}" "$@"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || { echo "all packages are installed"; exit 0; }
"${as_root[@]}" apt-get update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
