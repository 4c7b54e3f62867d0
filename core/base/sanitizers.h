#pragma once

// Whether this is compiled with a sanitizer, for what sanitizers change: they reserve terabytes of addresses, for example.
// GCC says so by macros, Clang by features.

#if defined(__has_feature)
#define STRATA_HAS_FEATURE(name) __has_feature(name)
#else
#define STRATA_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || STRATA_HAS_FEATURE(address_sanitizer)
#define STRATA_ADDRESS_SANITIZER 1
#else
#define STRATA_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__) || STRATA_HAS_FEATURE(thread_sanitizer)
#define STRATA_THREAD_SANITIZER 1
#else
#define STRATA_THREAD_SANITIZER 0
#endif
