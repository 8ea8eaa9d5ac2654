#include "seeds.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "effort.h"

namespace lmc::sim {

namespace {

constexpr unsigned kMostSeconds = 120;  // a sanitizer's build on a busy machine takes a few

std::uint64_t env_number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

Seeds seeds_asked_for(std::uint64_t usually) {
  const std::uint64_t only = env_number("LMC_SIM_SEED", 0);
  if (only != 0) return {only, only, true};
  return {1, env_number("LMC_SIM_SEEDS", test::effort(usually)), false};
}

std::string command_for(std::uint64_t seed, const std::string& more) {
  std::string test;
  for (const char c : Catch::getResultCapture().getCurrentTestName()) {
    if (c == ',') test += '\\';  // else it would end the name
    test += c;
  }
  std::error_code unknown;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return more + (more.empty() ? "" : " ") + "LMC_SIM_SEED=" + std::to_string(seed) + " " + self.string() + " '" + test +
         "'";
}

Watchdog::Watchdog(const Seeds& seeds, void (*on_hang)(int)) {
  if (seeds.loud) return;  // who looks at one seed may stop it, and think
  (void)std::signal(SIGALRM, on_hang);
  (void)::alarm(kMostSeconds);
}

void Watchdog::abort_on_hang(int) {
  std::abort();
}

Watchdog::~Watchdog() {
  (void)::alarm(0);
}

}  // namespace lmc::sim
