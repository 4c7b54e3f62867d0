// What stands in for NVIDIA's libraries in tests: each answers what a variable of the environment says, so one build of
// it plays every part.
#pragma once

#include <stdlib.h>
#include <string.h>

// The number in STUB_<name>, or `usual` without it.
static int told(const char* name, int usual) {
  const char* value = getenv(name);
  return value ? atoi(value) : usual;
}
