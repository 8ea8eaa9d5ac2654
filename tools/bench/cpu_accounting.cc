#include "tools/bench/cpu_accounting.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace lmc::bench {
namespace {

// Fields 14 and 15 of stat, counted behind the command name, which may hold anything but ends with the last ')'.
bool read_stat(const std::string& path, ProcessCpu& cpu) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  if (!(fields >> user_ticks >> system_ticks)) return false;
  const auto ns_per_tick = 1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  cpu.user_ns = user_ticks * ns_per_tick;
  cpu.system_ns = system_ticks * ns_per_tick;
  return true;
}

}  // namespace

std::optional<ProcessCpu> read_process_cpu(pid_t pid) {
  ProcessCpu cpu;
  const std::string process = "/proc/" + std::to_string(pid);
  if (!read_stat(process + "/stat", cpu)) return std::nullopt;
  DIR* const tasks = opendir((process + "/task").c_str());
  if (tasks == nullptr) return std::nullopt;
  while (const dirent* task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    std::ifstream file(process + "/task/" + task->d_name + "/schedstat");
    std::uint64_t on_cpu_ns = 0;
    if (!(file >> on_cpu_ns)) continue;
    cpu.on_cpu_ns += on_cpu_ns;
    ++cpu.threads;
  }
  closedir(tasks);
  if (cpu.threads == 0 || cpu.on_cpu_ns == 0)
    cpu.on_cpu_ns = cpu.user_ns + cpu.system_ns;  // no schedstat in this kernel
  return cpu;
}

std::uint64_t thread_cpu_ns(clockid_t thread_clock) {
  timespec time{};
  if (clock_gettime(thread_clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace lmc::bench
