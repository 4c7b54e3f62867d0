// A library that loads and has none of the functions that it should.
int strata_empty_stub;
