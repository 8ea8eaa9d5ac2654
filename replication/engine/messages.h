// What nodes say to each other on control connections. ../README.md has the table: who sends what, when, and what comes
// back. A message is its kind (one byte) and its fields (wire.h).
//
// Errors: decode() gives nothing for bytes that are not exactly one message of its type; whoever gets such bytes ends
// the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/engine/replicated_log.h"
#include "replication/fabric/fabric.h"
#include "replication/types.h"
#include "replication/wire.h"

namespace lmc::replication {

inline constexpr std::uint32_t kProtocolVersion = 1;

enum class MessageKind : std::uint8_t {
  kJoin = 1,
  kRefused = 2,
  kWelcome = 3,
  kInventory = 4,
  kSegments = 5,
  kBegin = 6,
  kLiving = 7,
  kLivingAdded = 8,
  kView = 9,
  kCopying = 10,
  kCommand = 11,
  kAnswer = 12,
};

// The group as its primary sees it. Nodes are named by the addresses of their replication listeners.
struct GroupView {
  Epoch epoch;
  std::string primary;
  std::vector<std::string> in_sync;  // the primary apart
  bool operator==(const GroupView&) const = default;
  [[nodiscard]] bool in_set(const std::string& address) const;
  [[nodiscard]] bool has(const std::string& address) const { return address == primary || in_set(address); }
  static void fields(auto& codec, auto& m) { codec(m.epoch.value, m.primary, m.in_sync); }
};

// For people: the text, or the words with commas between them; `none` for what there is none of.
[[nodiscard]] std::string or_none(const std::string& text);
[[nodiscard]] std::string joined(const std::vector<std::string>& words);
// "epoch 65538 primary 10.0.0.1:21211 in_sync 10.0.0.2:21211,10.0.0.3:21211", `none` for what there is none of: the
// answer to the command `view`; and back.
[[nodiscard]] std::string describe_view(const GroupView& view);
[[nodiscard]] std::optional<GroupView> parse_view(const std::string& text);

// A backup to its primary, first of all. Its first three fields are the first of every version's.
struct Join {
  static constexpr MessageKind kKind = MessageKind::kJoin;
  std::uint32_t protocol = kProtocolVersion;
  std::uint32_t ledger_format = kLedgerFormatVersion;
  std::string address;  // the backup's
  std::string fabric;   // what it has links by
  Geometry geometry;
  std::uint64_t ring_slots = 0;
  bool has_copy = false;
  Position position;  // of its copy
  Epoch seen;         // the highest epoch that it knows of
  static void fields(auto& codec, auto& m) {
    codec(m.protocol, m.ledger_format, m.address, m.fabric, m.geometry, m.ring_slots, m.has_copy, m.position,
          m.seen.value);
  }
};

struct Refused {
  static constexpr MessageKind kKind = MessageKind::kRefused;
  std::string reason;
  std::string primary;  // where to ask instead; or empty
  GroupView view;       // as who refuses knows it: who is refused may not be in it any more
  static void fields(auto& codec, auto& m) { codec(m.reason, m.primary, m.view); }
};

struct Welcome {
  static constexpr MessageKind kKind = MessageKind::kWelcome;
  bool copy = false;  // begin anew: see kInventory; else go on from the position named in the Join
  Ticket foreground{};
  Ticket bulk{};
  std::uint64_t lease_us = 0;
  std::uint64_t beat_us = 0;
  GroupView view;
  static void fields(auto& codec, auto& m) { codec(m.copy, m.foreground, m.bulk, m.lease_us, m.beat_us, m.view); }
};

// What a backup that begins anew has in its memory.
struct Inventory {
  static constexpr MessageKind kKind = MessageKind::kInventory;
  struct Segment {
    std::uint32_t segment = 0;
    std::uint32_t used = 0;
    std::uint64_t sequence = 0;
    Digest digest{};
    static void fields(auto& codec, auto& m) { codec(m.segment, m.used, m.sequence, m.digest); }
  };
  std::vector<Segment> segments;
  bool last = false;
  static void fields(auto& codec, auto& m) { codec(m.segments, m.last); }
};

// How a copy goes on, for who watches.
struct Copying {
  static constexpr MessageKind kKind = MessageKind::kCopying;
  std::uint64_t sent_bytes = 0;
  std::uint64_t left_bytes = 0;
  static void fields(auto& codec, auto& m) { codec(m.sent_bytes, m.left_bytes); }
};

// All bytes of these have landed. Several, then Begin.
struct Segments {
  static constexpr MessageKind kKind = MessageKind::kSegments;
  std::vector<SegmentState> segments;
  static void fields(auto& codec, auto& m) { codec(m.segments); }
};

struct Begin {
  static constexpr MessageKind kKind = MessageKind::kBegin;
  Position position;
  Head head;
  static void fields(auto& codec, auto& m) { codec(m.position, m.head); }
};

struct Living {
  static constexpr MessageKind kKind = MessageKind::kLiving;
  Sequence at;
  bool last = false;
  std::vector<LivingItem> items;
  static void fields(auto& codec, auto& m) { codec(m.at.value, m.last, m.items); }
};

struct LivingAdded {
  static constexpr MessageKind kKind = MessageKind::kLivingAdded;
  Sequence at;
  static void fields(auto& codec, auto& m) { codec(m.at.value); }
};

struct View {
  static constexpr MessageKind kKind = MessageKind::kView;
  GroupView view;
  static void fields(auto& codec, auto& m) { codec(m.view); }
};

// An admin, or another node, to a node: words separated by spaces. See Node.
struct Command {
  static constexpr MessageKind kKind = MessageKind::kCommand;
  std::string text;
  static void fields(auto& codec, auto& m) { codec(m.text); }
};
struct Answer {
  static constexpr MessageKind kKind = MessageKind::kAnswer;
  bool ok = false;
  std::string text;
  static void fields(auto& codec, auto& m) { codec(m.ok, m.text); }
};

inline constexpr std::size_t kListBytes = std::size_t{256} << 10;  // of a list in one message, about

// Of what a peer sent: perhaps of no kind that there is.
[[nodiscard]] inline MessageKind kind_of(std::string_view bytes) {
  return static_cast<MessageKind>(bytes.empty() ? 0 : bytes.front());
}

template <class Message>
[[nodiscard]] std::string encode_message(const Message& message) {
  FieldWriter writer;
  writer(static_cast<std::uint8_t>(Message::kKind), message);
  return writer.take();
}

template <class Message>
[[nodiscard]] std::optional<Message> decode_message(std::string_view bytes) {
  FieldReader reader(bytes);
  std::uint8_t kind = 0;
  Message message;
  reader(kind, message);
  if (!reader.done() || kind != static_cast<std::uint8_t>(Message::kKind)) return std::nullopt;
  return message;
}

// Of a Join of other versions: what all versions have. Nothing: it is none.
[[nodiscard]] inline std::optional<Join> decode_foreign_join(std::string_view bytes) {
  FieldReader reader(bytes);
  std::uint8_t kind = 0;
  Join join;
  reader(kind, join.protocol, join.ledger_format, join.address);
  const bool foreign = join.protocol != kProtocolVersion || join.ledger_format != kLedgerFormatVersion;
  if (!reader.ok() || kind != static_cast<std::uint8_t>(Join::kKind) || !foreign) return std::nullopt;
  return join;
}

}  // namespace lmc::replication
