// What a peer says behind the handshake, and what it writes one-sidedly where a node looks: messages of every kind,
// views in words, reports, ledger entries. Nothing is read outside of what came, no more is allocated than what came
// can be worth, and what is understood is, said again, the same bytes.
//
// Input: a message as FORMAT.md has it, its kind first; or 'V' and a view in words; or 'R' or 'E' and the bytes of a
// report or an entry, which get their checksum here, or the fuzzer would never come past it.

#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "replication/engine/messages.h"
#include "replication/engine/report.h"
#include "replication/ledger.h"
#include "require.h"
#include "server/group/forward_line.h"

namespace {

using namespace lmc::replication;
using lmc::testing::require;

std::size_t largest_allocation = 0;

void note_allocation(const volatile void*, std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
}
void note_free(const volatile void*) {}

// An empty text of a list is 4 bytes of a message and 32 of memory, of which a growing list takes twice as many.
constexpr std::size_t kMostBytesPerByte = 16;
constexpr std::size_t kSmallAllocation = 1024;

// 1, if it is one.
template <class Message>
unsigned check_message(std::string_view bytes) {
  largest_allocation = 0;
  const std::optional<Message> message = decode_message<Message>(bytes);
  require(largest_allocation <= kSmallAllocation + kMostBytesPerByte * bytes.size(), "no more than what came is worth");
  if (!message) return 0;
  require(kind_of(bytes) == Message::kKind, "it is of its kind");
  require(encode_message(*message) == bytes, "a message said again is the same bytes");
  return 1;
}

template <class... Messages>
unsigned check_messages(std::string_view bytes) {
  return (check_message<Messages>(bytes) + ...);
}

void check_any_message(std::string_view bytes) {
  const unsigned understood =
      check_messages<Join, Refused, Welcome, Inventory, Segments, Begin, Living, LivingAdded, View, Copying, Command,
                     Answer, lmc::group::Forward, lmc::group::Forwarded>(bytes);
  require(understood <= 1, "a message is of one kind");
  const std::optional<Join> foreign = decode_foreign_join(bytes);
  require(!foreign || foreign->protocol != kProtocolVersion || foreign->ledger_format != kLedgerFormatVersion,
          "a Join of other versions is of other versions");
}

void check_view(std::string_view words) {
  const std::optional<GroupView> view = parse_view(std::string(words));
  require(!view || parse_view(describe_view(*view)) == view, "a view in words is read again as it was");
}

CheckedBytes sealed(std::string_view bytes) {
  CheckedBytes words{};
  std::memcpy(words.data(), bytes.data(), std::min(bytes.size(), kCheckedBytes));
  seal(words);
  return words;
}

void check_report(const CheckedBytes& bytes) {
  const std::optional<Report> report = read_report(bytes);
  require(!report || encode(*report) == bytes, "a report said again is the same bytes");
}

void check_entry(const CheckedBytes& bytes) {
  const std::optional<StoredEntry> stored = stored_entry(bytes);
  require(!stored || encode(stored->entry, stored->epoch, stored->sequence) == bytes,
          "an entry said again is the same bytes");
  if (!stored) return;
  Entry entry;
  require(read_entry(bytes, stored->epoch, stored->sequence, entry) == EntryState::kEntry && entry == stored->entry,
          "what a ring holds is what was waited for");
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  require(__sanitizer_install_malloc_and_free_hooks(note_allocation, note_free) != 0, "allocations are seen");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view rest = bytes.substr(std::min<std::size_t>(1, size));
  check_any_message(bytes);
  switch (size == 0 ? 0 : data[0]) {
    case 'V':
      check_view(rest);
      break;
    case 'R':
      check_report(sealed(rest));
      break;
    case 'E':
      check_entry(sealed(rest));
      break;
    default:
      break;
  }
  return 0;
}
