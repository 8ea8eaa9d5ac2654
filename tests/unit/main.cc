// The one main of all unit test binaries: Catch2's own, compiled once because it is slow to compile.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
