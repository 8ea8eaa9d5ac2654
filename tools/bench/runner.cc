#include "tools/bench/runner.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "tools/bench/worker.h"

namespace lmc::bench {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr std::uint64_t kProgressNs = 1'000'000'000;
constexpr double kForeverS = 1e6;
constexpr std::uint64_t kDrainNs = 5'000'000'000;  // answers are waited for this long after the end

struct Snapshot {
  std::uint64_t at_ns = 0;
  Totals totals;
  std::optional<ProcessCpu> server;
  std::vector<std::uint64_t> thread_cpu_ns;
  std::vector<std::uint64_t> thread_idle_ns;
};

// The workers and their threads, and what can be asked of all of them at once.
class Crew {
 public:
  explicit Crew(const Plan& plan)
      : phase_(plan.warmup_s > 0 ? Phase::kWarmup : Phase::kMeasure), cpu_at_end_ns_(plan.threads) {
    for (std::uint32_t i = 0; i < plan.threads; ++i) {
      measurements_.push_back(std::make_unique<Measurements>());
      workers_.push_back(std::make_unique<Worker>(plan, i, phase_, *measurements_.back()));
    }
  }
  ~Crew() {
    set_phase(Phase::kStop);
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void start() {
    running_ = workers_.size();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      threads_.emplace_back([this, i] { run_worker(i); });
      clockid_t clock{};
      pthread_getcpuclockid(threads_.back().native_handle(), &clock);
      clocks_.push_back(clock);
    }
  }

  void set_phase(Phase phase) { phase_.store(phase, std::memory_order_relaxed); }

  // Waits until all workers have ended, but not beyond `deadline_ns`; whether they have.
  bool wait_until(std::uint64_t deadline_ns) {
    std::unique_lock lock(mutex_);
    const std::uint64_t now = now_ns();
    const auto left = std::chrono::nanoseconds(deadline_ns > now ? deadline_ns - now : 0);
    return ended_.wait_for(lock, left, [this] { return running_ == 0; });
  }

  [[nodiscard]] Totals totals() const {
    Totals sum;
    for (const auto& one : measurements_) sum += one->all.snapshot();
    return sum;
  }

  [[nodiscard]] Histogram latencies() const {
    Histogram sum;
    for (const auto& one : measurements_) {
      sum.merge(one->get_ns.snapshot());
      sum.merge(one->set_ns.snapshot());
    }
    return sum;
  }

  [[nodiscard]] Snapshot snapshot(std::optional<pid_t> server_pid) {
    Snapshot taken;
    taken.at_ns = now_ns();
    taken.totals = totals();
    if (server_pid.has_value()) taken.server = read_process_cpu(*server_pid);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < clocks_.size(); ++i) {
      taken.thread_cpu_ns.push_back(cpu_at_end_ns_[i] != 0 ? cpu_at_end_ns_[i] : thread_cpu_ns(clocks_[i]));
    }
    for (const auto& one : measurements_) taken.thread_idle_ns.push_back(one->idle_ns.load(std::memory_order_relaxed));
    return taken;
  }

  // After the workers have ended.
  void collect(RunResult& result) {
    for (const auto& one : measurements_) {
      result.measured += one->measured.snapshot();
      result.get_ns.merge(one->get_ns.snapshot());
      result.set_ns.merge(one->set_ns.snapshot());
      result.send_lag_ns.merge(one->send_lag_ns.snapshot());
      if (result.first_problem.empty()) result.first_problem = one->first_problem;
      if (result.hit_windows.size() < one->hit_windows.size()) result.hit_windows.resize(one->hit_windows.size());
      for (std::size_t i = 0; i < one->hit_windows.size(); ++i) {
        result.hit_windows[i].keys += one->hit_windows[i].keys;
        result.hit_windows[i].hits += one->hit_windows[i].hits;
      }
    }
    result.aborted = aborted_;
  }

 private:
  void run_worker(std::size_t index) {
    bool failed = false;
    try {
      workers_[index]->run();
    } catch (const std::exception& error) {
      measurements_[index]->note_problem(error.what());
      failed = true;
    }
    if (failed) set_phase(Phase::kStop);
    const std::lock_guard lock(mutex_);
    cpu_at_end_ns_[index] = thread_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    aborted_ = aborted_ || failed;
    --running_;
    ended_.notify_all();
  }

  PhaseNow phase_;
  std::vector<std::unique_ptr<Measurements>> measurements_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<clockid_t> clocks_;
  std::mutex mutex_;  // guards running_, cpu_at_end_ns_, aborted_
  std::condition_variable ended_;
  std::size_t running_ = 0;
  std::vector<std::uint64_t> cpu_at_end_ns_;  // a thread's clock ends with it; 0: it still runs
  bool aborted_ = false;
};

class Progress {
 public:
  Progress(const RunOptions& options, const Crew& crew) : options_(options), crew_(crew), began_ns_(now_ns()) {}

  void print(const char* phase) {
    const std::uint64_t now = now_ns();
    const Totals totals = crew_.totals();
    Histogram latencies = crew_.latencies();
    const Totals step = totals - last_totals_;
    const Histogram step_ns = latencies.since(last_ns_);
    const double seconds = static_cast<double>(now - last_at_ns_) / kNsPerSecond;
    last_totals_ = totals;
    last_ns_ = std::move(latencies);
    last_at_ns_ = now;
    if (!options_.progress) return;
    const double hits =
        static_cast<double>(step[Count::kHits]) / std::max(1.0, static_cast<double>(step[Count::kKeys]));
    std::fprintf(stderr, "%s %4.0f s  %-8s %9.0f op/s  hits %5.1f %%", options_.label.c_str(),
                 static_cast<double>(now - began_ns_) / kNsPerSecond, phase,
                 static_cast<double>(step[Count::kOperations]) / seconds, 100 * hits);
    if (step_ns.count() != 0) {  // nothing is recorded during warm-up
      std::fprintf(stderr, "  p50 %6.1f us  p99 %7.1f us", static_cast<double>(step_ns.at(0.5)) / 1e3,
                   static_cast<double>(step_ns.at(0.99)) / 1e3);
    }
    std::fprintf(stderr, "  errors %llu\n",
                 static_cast<unsigned long long>(totals[Count::kErrors] + totals[Count::kMismatches]));
  }

 private:
  const RunOptions& options_;
  const Crew& crew_;
  std::uint64_t began_ns_;
  std::uint64_t last_at_ns_ = began_ns_;
  Totals last_totals_;
  Histogram last_ns_;
};

// Waits for the end of a phase, with a progress line each second; whether the workers ended before it.
bool wait_with_progress(Crew& crew, std::uint64_t until_ns, const char* phase, Progress& progress) {
  while (true) {
    const std::uint64_t now = now_ns();
    if (now >= until_ns) return crew.wait_until(now);
    if (crew.wait_until(std::min(until_ns, now + kProgressNs))) return true;
    progress.print(phase);
  }
}

std::uint64_t after(std::uint64_t start_ns, double seconds) {
  return start_ns + static_cast<std::uint64_t>(seconds * kNsPerSecond);
}

void difference(const Plan& plan, const Snapshot& from, const Snapshot& to, RunResult& result) {
  const double window_ns = static_cast<double>(to.at_ns - from.at_ns);
  result.window = to.totals - from.totals;
  result.window_s = window_ns / kNsPerSecond;
  if (from.server.has_value() && to.server.has_value()) {
    ProcessCpu cpu = *to.server;
    cpu.on_cpu_ns -= from.server->on_cpu_ns;
    cpu.user_ns -= from.server->user_ns;
    cpu.system_ns -= from.server->system_ns;
    result.server_cpu = cpu;
  }
  for (std::size_t i = 0; i < plan.threads; ++i) {
    // A thread that spins is at work when it is not idle; a thread that sleeps is at work when it is on a CPU.
    const double busy_ns = plan.loop == Loop::kOpen
                               ? window_ns - static_cast<double>(to.thread_idle_ns[i] - from.thread_idle_ns[i])
                               : static_cast<double>(to.thread_cpu_ns[i]) - static_cast<double>(from.thread_cpu_ns[i]);
    result.thread_busy.push_back(std::clamp(busy_ns / window_ns, 0.0, 1.0));
  }
}

}  // namespace

RunResult run(const Plan& plan, const RunOptions& options) {
  Crew crew(plan);
  Progress progress(options, crew);
  crew.start();
  bool ended = false;
  if (plan.warmup_s > 0) {
    ended = wait_with_progress(crew, after(now_ns(), plan.warmup_s), "warm-up", progress);
  }
  const Snapshot from = crew.snapshot(options.server_pid);
  crew.set_phase(Phase::kMeasure);
  const double measure_s = plan.operations != 0 ? kForeverS : plan.duration_s;
  if (!ended) ended = wait_with_progress(crew, after(from.at_ns, measure_s), "measure", progress);
  const Snapshot to = crew.snapshot(options.server_pid);
  if (!ended) {
    crew.set_phase(Phase::kDrain);
    if (!crew.wait_until(now_ns() + kDrainNs)) crew.set_phase(Phase::kStop);
    crew.wait_until(after(now_ns(), kForeverS));
  }
  RunResult result;
  difference(plan, from, to, result);
  crew.collect(result);
  return result;
}

}  // namespace lmc::bench
