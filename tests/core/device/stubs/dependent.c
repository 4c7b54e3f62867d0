#include <stddef.h>

// A library that does not load, since what it is linked with is not where the loader looks.
int strata_part_of_stub(void);
size_t cudnnGetVersion(void) { return (size_t)strata_part_of_stub(); }
