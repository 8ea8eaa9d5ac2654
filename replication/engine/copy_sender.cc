#include "replication/engine/copy_sender.h"

#include <algorithm>

namespace lmc::replication {

CopySender::CopySender(const ReplicatedLog& log, std::size_t chunk_bytes)
    : log_(log),
      chunk_bytes_(std::min(chunk_bytes, kMaxChainBytes)),
      segment_bytes_(log.geometry().segment_bytes),
      known_(log.memory().size() / segment_bytes_) {}

void CopySender::know(const std::vector<Inventory::Segment>& inventory) {
  for (const Inventory::Segment& segment : inventory)
    if (segment.segment < known_.size())
      known_[segment.segment] = {segment.sequence, segment.used, true, segment.digest};
}

CopySender::Piece CopySender::piece_of(const SegmentState& segment) {
  Known& known = known_[segment.segment];
  Piece piece{segment.segment, 0, segment.used, 0, known.digest};
  if (known.sequence == segment.sequence && known.used <= segment.used) {
    if (known.claimed)
      piece.claimed = known.used;
    else
      piece.from = known.used;
  }
  known = {segment.sequence, segment.used, false, {}};
  return piece;
}

void CopySender::begin_round() {
  segments_.clear();
  pieces_.clear();
  next_ = 0;
  left_bytes_ = 0;
  log_.describe(segments_);
  for (const SegmentState& segment : segments_) {
    const Piece piece = piece_of(segment);
    if (piece.from == piece.to) continue;
    pieces_.push_back(piece);
    left_bytes_ += piece.to - piece.from;
  }
}

void CopySender::verify(Piece& piece) {
  if (log_.digest(piece.segment, piece.claimed) == piece.digest) {
    piece.from = piece.claimed;
    skipped_bytes_ += piece.claimed;
    left_bytes_ -= piece.claimed;
  }
  piece.claimed = 0;
  if (piece.from == piece.to) ++next_;
}

bool CopySender::post_some(Link& link) {
  if (pieces_[next_].claimed != 0) {
    verify(pieces_[next_]);
    return false;
  }
  chain_.clear();
  std::size_t room = chunk_bytes_;
  while (room != 0 && next_ != pieces_.size() && pieces_[next_].claimed == 0 && chain_.size() < kMaxChainWrites) {
    Piece& piece = pieces_[next_];
    const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(room, piece.to - piece.from));
    const std::uint64_t offset = piece.segment * segment_bytes_ + piece.from;
    chain_.push_back({Region::kLog, offset, {log_.memory().data() + offset, size}});
    piece.from += size;
    room -= size;
    left_bytes_ -= size;
    sent_bytes_ += size;
    if (piece.from == piece.to) ++next_;
  }
  ++chains_;
  link.post(chain_);
  return true;
}

}  // namespace lmc::replication
