// Two ends of one link in one process: what the suite is written against. Each fabric under test says how its ends find
// each other.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "poll_reactor.h"
#include "replication/fabric/fabric.h"

namespace lmc::test {

// Counts its calls, does in them what a test asks for, and notices one that comes within another.
struct Observed final : replication::LinkObserver {
  void on_up() override {
    ++ups;
    call(in_up);
  }
  void on_completed(std::size_t chains) override {
    completed += chains;
    call(in_completed);
  }
  void on_arrival() override {
    ++arrivals;
    call(in_arrival);
  }
  void on_down(std::string_view why) override {
    ++downs;
    cause = why;
    call(in_down);
  }
  [[nodiscard]] std::size_t calls() const { return calls_; }
  [[nodiscard]] bool nested() const { return nested_; }

  std::size_t ups = 0;
  std::size_t completed = 0;
  std::size_t arrivals = 0;
  std::size_t downs = 0;
  std::string cause;
  std::function<void()> in_up;
  std::function<void()> in_completed;
  std::function<void()> in_arrival;
  std::function<void()> in_down;

 private:
  void call(const std::function<void()>& what) {
    ++calls_;
    nested_ = nested_ || within_;
    within_ = true;
    if (what) what();
    within_ = false;
  }
  std::size_t calls_ = 0;
  bool within_ = false;
  bool nested_ = false;
};

// A fabric of one kind, twice: each end its own. The address is that of the first.
class FabricPair {
 public:
  virtual ~FabricPair() = default;
  [[nodiscard]] virtual replication::Fabric& accepting() = 0;
  [[nodiscard]] virtual replication::Fabric& connecting() = 0;
  [[nodiscard]] virtual std::string address() const = 0;
  // Where nobody listens.
  [[nodiscard]] virtual std::string dead_address() const = 0;
  // Ends the connection beneath all links, as if a machine or a cable went; false: this fabric has no such way.
  [[nodiscard]] virtual bool cut() = 0;
};
[[nodiscard]] std::unique_ptr<FabricPair> make_pair(PollReactor& reactor);

struct Memory {
  explicit Memory(std::size_t log_bytes = 1 << 20) : log(log_bytes / 8), ledger(512), progress(8) {}
  [[nodiscard]] replication::ExposedMemory exposed() { return {bytes_of(log), bytes_of(ledger), bytes_of(progress)}; }
  [[nodiscard]] static std::span<char> bytes_of(std::vector<std::uint64_t>& words) {
    return {reinterpret_cast<char*>(words.data()), words.size() * 8};
  }
  std::vector<std::uint64_t> log;
  std::vector<std::uint64_t> ledger;
  std::vector<std::uint64_t> progress;
};

}  // namespace lmc::test
