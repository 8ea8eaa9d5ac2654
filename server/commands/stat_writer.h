// Rows of a `stats` reply, in the dialect of who asked: STAT lines, or a packet each.
//
// Copies what it needs of the request, so it may outlive it (a walk over the index that ends in rows). Threads: one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/request.h"
#include "server/commands/reply_queue.h"

namespace lmc::commands {

class StatWriter {
 public:
  StatWriter(ReplyQueue& replies, const protocol::Request& request)
      : replies_(&replies), dialect_(request.dialect), opcode_(request.opcode), opaque_(request.opaque) {}

  // Rows may go to another queue than the first: a ReplySource is given one each time.
  void write_to(ReplyQueue& replies) { replies_ = &replies; }

  // What stands before every name from now on: `items:1:`.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::uint64_t value);
  void decimal(std::string_view name, double value, int digits);  // behind the point
  void yes_no(std::string_view name, bool value) { text(name, value ? "yes" : "no"); }

  // Behind the last row.
  void end();

  [[nodiscard]] bool is_binary() const { return dialect_ == protocol::Dialect::kBinary; }

 private:
  void packet(std::string_view name, std::string_view value);

  ReplyQueue* replies_;
  protocol::Dialect dialect_;
  std::uint8_t opcode_;
  std::uint32_t opaque_;
  std::string prefix_;
};

}  // namespace lmc::commands
