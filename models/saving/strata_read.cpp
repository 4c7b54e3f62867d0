// The program strata-read: reads one file on behalf of a program that does not trust it (isolated_file.h).
#include "models/saving/isolated_file.h"

int main(int argc, char** argv) { return strata::serve_isolated_file(argc, argv); }
