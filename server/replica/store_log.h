// A Store as replication sees it: changes of the store as ledger entries, and back.
//
// Threads: as ReplicatedLog's; lead() and follow() only while no session of the store is in a turn. The store outlives
// it. It takes one of the store's sessions.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "replication/engine/replicated_log.h"
#include "server/store/store.h"

namespace lmc::replica {

class StoreLog final : public replication::ReplicatedLog {
 public:
  // `now`: what the store's clock shows.
  StoreLog(store::Store& store, std::function<store::UnixSeconds()> now);

  [[nodiscard]] replication::Geometry geometry() const override { return geometry_; }
  [[nodiscard]] std::span<char> memory() const override;
  [[nodiscard]] replication::Version version() const override;

  void lead(std::function<void()> room_wanted) override;
  [[nodiscard]] replication::Head announce(std::size_t most, std::vector<replication::Entry>& out) override;
  void describe(std::vector<replication::SegmentState>& out) const override;
  [[nodiscard]] std::unique_ptr<replication::LivingScan> scan_living() override;
  void set_followers_past(std::uint64_t retirement) override;
  [[nodiscard]] replication::Extent told() const override;
  void set_landed(const replication::Extent& extent) override;

  void follow() override;
  [[nodiscard]] Refusal begin(std::span<const replication::SegmentState> segments,
                              const replication::Head& head) override;
  [[nodiscard]] Refusal apply(const replication::Entry& entry) override;
  [[nodiscard]] Refusal add_living(std::span<const replication::LivingItem> items, bool last) override;
  [[nodiscard]] Refusal set_head(const replication::Head& head) override;
  [[nodiscard]] bool is_prepared(const replication::Entry& entry) const override;
  [[nodiscard]] bool is_prepared(const replication::Head& head) const override;
  [[nodiscard]] Refusal prepare() override;
  [[nodiscard]] std::uint64_t readers_past() override;

  void inventory(std::vector<replication::SegmentState>& out) const override;
  [[nodiscard]] replication::Digest digest(std::uint32_t segment, std::uint32_t used) const override;

 private:
  class Scan;
  store::Store& store_;
  const replication::Geometry geometry_;
  std::function<store::UnixSeconds()> now_;
  store::Session session_;
  store::Follower* follower_ = nullptr;
  replication::Head head_;              // set last
  std::vector<store::Change> changes_;  // scratch
};

}  // namespace lmc::replica
