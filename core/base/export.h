#pragma once

// Marks what libstrata exports. The library is compiled with hidden visibility, so each public class
// and function defined in a source file carries it. A type that is thrown or asked for with
// dynamic_cast across the library's border must carry it on the class, which exports its type
// information. Templates and inline functions do not need it.
//
// No inline function of a public header may hold a static variable: the program and the library would
// each have their own.
#define STRATA_API __attribute__((visibility("default")))
