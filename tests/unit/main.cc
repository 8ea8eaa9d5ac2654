// The one main of all unit test binaries: Catch2's own, compiled once because it is slow to compile.
#define CATCH_CONFIG_MAIN
#define CATCH_CONFIG_CONSOLE_WIDTH 240  // a command that a failure shows stays in one line
#include <catch2/catch.hpp>
