// A replicator whose commit point is where the test puts it, and which remembers what it was told.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "server/net/network.h"
#include "server/net/replicator.h"

namespace lmc::net::test {

class FakeReplicator final : public Replicator {
 public:
  void catch_up() override { ++turns; }
  [[nodiscard]] Committed committed() const override {
    return serving ? Committed(store::Version{committed_version}) : std::nullopt;
  }
  void appended() override { ++appends; }
  void wait(unsigned worker, store::Version version) override {
    const std::lock_guard lock(mutex_);
    waits_[worker] = version;
  }
  [[nodiscard]] bool forwards() const override { return forwarding; }
  [[nodiscard]] bool refuses_writes() const override { return refusing; }
  void forward(ForwardBatch batch) override {
    const std::lock_guard lock(mutex_);
    batches_.push_back(std::move(batch));
  }
  [[nodiscard]] bool takes_answers(std::uint64_t origin) const override { return origin != full_origin; }
  void answered(ForwardAnswer answer) override {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }

  // As an engine does: moves the commit point, then wakes those, and only those, who wait for no more than that.
  void commit(store::Version version, Network& network) {
    committed_version = version.value;
    const std::lock_guard lock(mutex_);
    std::erase_if(waits_, [&](const auto& wait) {
      if (wait.second > version) return false;
      network.committed(wait.first);
      return true;
    });
  }
  [[nodiscard]] std::size_t waiting_workers() {
    const std::lock_guard lock(mutex_);
    return waits_.size();
  }
  // The first of what was forwarded, or answered, and is not yet taken.
  [[nodiscard]] std::optional<ForwardBatch> take_batch() { return take(batches_); }
  [[nodiscard]] std::optional<ForwardAnswer> take_answer() { return take(answers_); }

  static constexpr store::Version kAll{store::kMaxVersion};
  static constexpr std::uint64_t kNobody = ~std::uint64_t{0};
  // Set by the test's thread, read by workers, and the other way round; sequentially consistent as replicator.h asks.
  std::atomic<std::uint64_t> committed_version{0};
  std::atomic<bool> serving{true};
  std::atomic<bool> forwarding{false};
  std::atomic<bool> refusing{false};
  std::atomic<std::uint64_t> full_origin{kNobody};  // takes no answers
  std::atomic<unsigned> turns{0};
  std::atomic<unsigned> appends{0};

 private:
  template <class T>
  std::optional<T> take(std::vector<T>& from) {
    const std::lock_guard lock(mutex_);
    if (from.empty()) return std::nullopt;
    T first = std::move(from.front());
    from.erase(from.begin());
    return first;
  }
  std::mutex mutex_;
  std::map<unsigned, store::Version> waits_;  // guarded by mutex_, like the next two
  std::vector<ForwardBatch> batches_;
  std::vector<ForwardAnswer> answers_;
};

}  // namespace lmc::net::test
