// A log of one segment that takes everything, and has as much news as its version says.
#pragma once

#include <memory>
#include <vector>

#include "replication/engine/replicated_log.h"

namespace lmc::replication::test {

class AnyLog : public ReplicatedLog {
 public:
  Version latest;
  std::vector<Entry> news;  // not announced yet
  Extent landed;

  [[nodiscard]] Geometry geometry() const override { return {kBytes, kBytes, 1, 1 << 10}; }
  [[nodiscard]] std::span<char> memory() const override { return {bytes_.get(), kBytes}; }
  [[nodiscard]] Version version() const override { return latest; }
  void lead(std::function<void()>) override {}
  [[nodiscard]] Head announce(std::size_t, std::vector<Entry>& out) override {
    out.insert(out.end(), news.begin(), news.end());
    news.clear();
    return {latest, {}, 0};
  }
  void describe(std::vector<SegmentState>&) const override {}
  [[nodiscard]] std::unique_ptr<LivingScan> scan_living() override { return nullptr; }
  void set_followers_past(std::uint64_t) override {}
  [[nodiscard]] Extent told() const override { return {{latest.value, latest.value}}; }
  void set_landed(const Extent& extent) override { landed = extent; }
  void follow() override {}
  [[nodiscard]] Refusal begin(std::span<const SegmentState>, const Head&) override { return {}; }
  [[nodiscard]] Refusal apply(const Entry&) override { return {}; }
  [[nodiscard]] Refusal add_living(std::span<const LivingItem>, bool) override { return {}; }
  [[nodiscard]] Refusal set_head(const Head&) override { return {}; }
  [[nodiscard]] bool is_prepared(const Entry&) const override { return true; }
  [[nodiscard]] bool is_prepared(const Head&) const override { return true; }
  [[nodiscard]] Refusal prepare() override { return {}; }
  [[nodiscard]] std::uint64_t readers_past() override { return 0; }
  void inventory(std::vector<SegmentState>&) const override {}
  [[nodiscard]] Digest digest(std::uint32_t, std::uint32_t) const override { return {}; }

 private:
  static constexpr std::uint32_t kBytes = 1 << 16;
  std::unique_ptr<char[]> bytes_ = std::make_unique<char[]>(kBytes);
};

}  // namespace lmc::replication::test
