// CPU time by the kernel's own accounting, in nanoseconds.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>

namespace lmc::bench {

struct ProcessCpu {
  std::uint64_t on_cpu_ns = 0;  // all threads that live now: /proc/PID/task/*/schedstat, exact to the scheduler's tick
  std::uint64_t user_ns = 0;    // /proc/PID/stat, in clock ticks (10 ms): only good for the proportion of the two
  std::uint64_t system_ns = 0;
  std::uint32_t threads = 0;
};

// Nothing: there is no such process, or this user may not look.
[[nodiscard]] std::optional<ProcessCpu> read_process_cpu(pid_t pid);

// Of one thread, by its clock (pthread_getcpuclockid); 0 once the thread is gone.
[[nodiscard]] std::uint64_t thread_cpu_ns(clockid_t thread_clock);

}  // namespace lmc::bench
