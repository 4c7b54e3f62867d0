// The dependency that is missing where another stub asks for it.
int strata_part_of_stub(void) { return 1; }
