// One connection of the generator: writes operations, matches answers to them in order, and counts.
//
// It decides nothing about time: its worker says when to begin operations and what time it is. Operations are appended
// to an output buffer, which flush() sends; receive() reads what is there and completes operations. Everything about
// one connection's load (keys, kinds, values) follows from seed and index, so that the same requests are sent whatever
// the server answers (but for the sets that follow misses).
//
// Threads: one. Errors: a lost connection or a malformed answer is a problem noted in the measurements; the session is
// then closed() and what was under way counts as errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_parser.h"
#include "protocol/request_writer.h"
#include "tools/bench/measurements.h"
#include "tools/bench/plan.h"
#include "tools/bench/ring.h"

namespace lmc::bench {

class Session {
 public:
  Session(const Plan& plan, std::uint32_t index, Measurements& measurements);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Throws std::runtime_error with address and reason when there is no connection to be had.
  void connect();

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] bool closed() const { return socket_ < 0; }
  [[nodiscard]] std::size_t under_way() const { return pending_.size(); }
  [[nodiscard]] bool has_unsent() const { return sent_ < out_.size(); }
  // All operations of the plan (Plan::operations) were begun and nothing is left to fill.
  [[nodiscard]] bool exhausted() const { return quota_ == begun_ && missed_.empty(); }

  struct Moment {
    std::uint64_t intended_ns = 0;  // when the operation should begin: what its latency is counted from
    bool measured = false;
  };
  // Appends the sets that the misses so far ask for, then up to `count` operations (fewer at the end of the quota).
  void begin(std::uint32_t count, Moment moment);
  void begin_fills(Moment moment);

  // One send of what is buffered; what the socket does not take stays (has_unsent).
  void flush();
  // One receive; completes what it answers, at the time `clock` gives after it.
  void receive();

  // At the end: what is still under way has been waited for since its intended time.
  void give_up(std::uint64_t now_ns);

 private:
  enum class Kind : std::uint8_t { kGet, kSet, kFill };
  struct Pending {
    std::uint64_t intended_ns;
    std::uint32_t keys;   // asked for (kGet); their ids are the next ones in keys_
    std::uint32_t asked;  // of them, already known to be hit or missed
    std::uint32_t hits;
    Kind kind;
    bool measured;
  };

  void append_get(Moment moment);
  void append_set(std::uint64_t id, Kind kind, Moment moment);
  void parse(std::uint64_t now_ns);
  void parse_redis(std::uint64_t now_ns);
  void on_reply(const protocol::Reply& reply, std::uint64_t now_ns);
  void on_get_reply(const protocol::Reply& reply, std::uint64_t now_ns);
  void on_hit(const protocol::Reply& reply);
  void on_miss(Pending& get);
  void complete(std::uint64_t now_ns);
  void count(const Pending& operation, Count what, std::uint64_t by = 1);
  void count_hit_window(const Pending& operation, bool hit);
  void fail(const protocol::Reply& reply);
  void fail(std::string_view answer);
  void close_with(const std::string& problem);
  void make_room();

  const Plan& plan_;
  std::uint32_t index_;
  Measurements& measurements_;
  KeySequence keys_to_ask_;
  Random random_;
  bool match_keys_;  // whether it matters which keys a multiget found

  int socket_ = -1;
  std::string out_;
  std::size_t sent_ = 0;
  std::string value_;  // scratch
  std::vector<char> in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::size_t needed_ = 0;  // unparsed bytes that must be there before parsing is worth it

  Ring<Pending> pending_;
  Ring<std::uint64_t> keys_;           // ids of the gets under way
  std::vector<std::uint64_t> missed_;  // to be set
  std::uint64_t quota_;                // operations to begin; ~0: no end
  std::uint64_t begun_ = 0;
  std::uint64_t warmup_quota_;       // of them, not measured
  std::uint64_t window_keys_ = 0;    // keys a hit window has of this session
  std::uint64_t windowed_keys_ = 0;  // measured keys so far
  std::uint32_t waiting_ = 0;        // Redis: sets that were answered, and whose WAIT was not
};

}  // namespace lmc::bench
