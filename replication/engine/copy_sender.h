// Brings who joins the bytes of all segments, while they change. Rounds: each sends what segments have more, or other,
// than was sent before, as far as they were announced when it began. What changes during a round is the next one's; a
// round small enough is tried as the last: from its begin on the primary keeps every ledger entry for the newcomer and
// lets none of its segments be used again, so that the copy of the round's begin can go on from the ledger.
//
// Bytes of an old incarnation never land over a new one: within a link writes land in order, a round begins when all of
// the one before have landed, and what the foreground link carries begins where the last round ends. Note "join fence".
//
// Threads: the replication thread's.
#pragma once

#include <cstdint>
#include <vector>

#include "replication/engine/messages.h"
#include "replication/engine/replicated_log.h"
#include "replication/fabric/fabric.h"

namespace lmc::replication {

class CopySender {
 public:
  CopySender(const ReplicatedLog& log, std::size_t chunk_bytes);

  // What the newcomer has; it is believed as far as the digests agree.
  void know(const std::vector<Inventory::Segment>& inventory);
  // Everything announced so far is to be sent. All of the round before must have landed.
  void begin_round();
  [[nodiscard]] bool round_sent() const { return next_ == pieces_.size(); }
  // Not all sent: goes on. Posts a chain of chunk_bytes at most, or has verified a segment that the newcomer claims and
  // posted nothing (false).
  bool post_some(Link& link);

  [[nodiscard]] std::uint64_t left_bytes() const { return left_bytes_; }
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }
  [[nodiscard]] std::uint64_t skipped_bytes() const { return skipped_bytes_; }
  [[nodiscard]] std::uint64_t chains() const { return chains_; }
  // The segments at the begin of the round.
  [[nodiscard]] const std::vector<SegmentState>& segments() const { return segments_; }

 private:
  struct Known {
    std::uint64_t sequence = 0;
    std::uint32_t used = 0;
    bool claimed = false;  // by the newcomer, to be verified
    Digest digest{};
  };
  struct Piece {
    std::uint32_t segment;
    std::uint32_t from;
    std::uint32_t to;
    std::uint32_t claimed;  // 0: nothing; else up to where the newcomer may have it, to be verified
    Digest digest;
  };
  [[nodiscard]] Piece piece_of(const SegmentState& segment);
  void verify(Piece& piece);

  const ReplicatedLog& log_;
  std::size_t chunk_bytes_;
  std::uint64_t segment_bytes_;
  std::vector<Known> known_;  // by segment
  std::vector<SegmentState> segments_;
  std::vector<Piece> pieces_;
  std::size_t next_ = 0;  // of pieces_
  std::uint64_t left_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t skipped_bytes_ = 0;
  std::uint64_t chains_ = 0;
  std::vector<Write> chain_;  // scratch
};

}  // namespace lmc::replication
