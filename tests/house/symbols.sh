#!/usr/bin/env bash
# What leaves libstrata: only names of namespace strata that are exported on purpose. symbols.sh <library>...
set -euo pipefail
for library in "$@"; do
  nm -D --defined-only --demangle "$library" > /dev/null  # fails where nm does
  symbols=$(nm -D --defined-only --demangle "$library" | sed -E 's/^[0-9a-f]+ //')
  [ "$(wc -l <<< "$symbols")" -gt 10 ] || { echo "$library exports next to nothing"; exit 1; }
  # A template's name begins with its result type: those are instantiated in a source file on purpose.
  prefix='(typeinfo (name )?for |vtable for |VTT for |(non-)?virtual thunk to |TLS (init|wrapper) function for )?'
  foreign=$(grep -vE "^[A-Za-z] ${prefix}strata::|^W [^(]*[ *&]strata::[^(]*<" <<< "$symbols" || true)
  [ -z "$foreign" ] || { echo "$library exports names that are not strata's:"; head <<< "$foreign"; exit 1; }
  named=$(grep -E 'Eigen::|dnnl|nlohmann::|fmt::|google::' <<< "$symbols" || true)
  [ -z "$named" ] || { echo "$library exports functions of third-party types:"; head <<< "$named"; exit 1; }
  # Weak functions are inline ones, unique symbols with an argument list their statics: a program would replace them
  # by its own. Function templates ("name<...>(") are instantiated in a source file on purpose, except level_here.
  inline=$( { grep -E '^u .*\(|level_here' <<< "$symbols"
              grep '^W ' <<< "$symbols" | grep -vE '^W [^(]*>\('; } || true)
  [ -z "$inline" ] || { echo "$library exports inline functions (-fvisibility-inlines-hidden?):"; head <<< "$inline"; exit 1; }
  echo "$library: $(wc -l <<< "$symbols") exported symbols, all of namespace strata"
done
