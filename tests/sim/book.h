// The book: what each key may hold, as clients must see it, given what they were told so far. Every answer is checked
// against it.
//
// A key has one writer, whose changes are numbered and follow each other; each was done, or not done, or nobody knows.
// So after each change there is a set of things that the key may hold, and what anybody is shown must be among those
// after some change that is not older than what anybody knew when it asked. What was shown is known from then on. Since
// a set, a count and most touches leave their number in the item, hardly ever does more than one of them fit.
//
// What was acknowledged may be lost by a takeover, with --ack=one and none: restart() then begins anew with what the
// new primary has, after checking that this is what it may have.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "world.h"

namespace lmc::sim {

using Seconds = std::uint32_t;  // as the stores' clocks count, unix time

// What a key holds.
struct Item {
  std::uint64_t number = 0;      // of the set that made it
  std::uint64_t bytes = 0;       // of its value
  std::uint64_t count = 0;       // counts done since
  std::uint64_t counted_by = 0;  // number of the last of them
  Seconds expiry = 0;            // 0: never
  bool stale = false;
  bool win_sent = false;
  auto operator<=>(const Item&) const = default;
};
using Content = std::optional<Item>;

// The value, from which everything up to counted_by can be read back, and back; nothing: it is no such value.
[[nodiscard]] std::string value_of(const Item& item);
[[nodiscard]] std::optional<Item> item_of(const std::string& value);

enum class Verb : std::uint8_t { kGet, kSet, kTouch, kCount, kMark, kErase, kFlush };

// A request. All but kGet are changes.
struct Request {
  Verb verb = Verb::kGet;
  std::string key;
  std::uint64_t number = 0;  // of the change
  std::uint64_t bytes = 0;   // kSet
  Seconds expiry = 0;        // kSet, kTouch
  bool stale = false;        // kMark
  bool win_sent = false;     // kMark
  [[nodiscard]] bool changes() const { return verb != Verb::kGet; }
};

// What a change makes of an item that is there.
[[nodiscard]] Content changed(const Item& item, const Request& request);
// What a set stores.
[[nodiscard]] Item stored(const Request& request);

class Book {
 public:
  // `evicts`: items may be gone at any time. `follows_acks`: what was acknowledged shows at every node at once
  // (--ack=all); else only at the primary, and what shows at a backup only never goes back.
  Book(bool evicts, bool follows_acks) : evicts_(evicts), follows_acks_(follows_acks) {}

  // The number of this key's next change.
  [[nodiscard]] std::uint64_t next(const std::string& key) { return keys_[key].steps.size() + 1; }
  // A change is on its way; gives it that number.
  void begin(Request& change, Seconds now);
  // It was answered: done by the primary of that term, with `found` what it was to change; `version`: of the log, then.
  struct Done {
    bool found = false;
    std::uint64_t term = 0;
    std::uint64_t version = 0;
  };
  void done(const Request& change, const Done& how, Seconds now);
  // It was not done, and will not be.
  void not_done(const Request& change);
  // Nobody knows.
  void unknown(const Request& change, Seconds now);

  struct Question {
    std::uint64_t floor = 0;  // not older than this may be shown
    Seconds asked = 0;
    std::uint64_t term = 0;
  };
  [[nodiscard]] Question ask(const std::string& key, const std::string& node, bool at_primary, Seconds now);
  // `after`: the number of a change that was answered before on the same connection; or 0. `where`: in words.
  void shown(const std::string& key, const Question& question, std::uint64_t after, const Content& content, Seconds now,
             const std::string& node, const std::function<std::string()>& where);

  // A new primary has this, and its log goes to `version`. `all`: it must have whatever was acknowledged; else what was
  // acknowledged up to there, by the primaries whose logs its own continues.
  void check_takeover(const std::string& key, const Content& content, bool all, std::uint64_t version, Seconds now,
                      const std::string& node);
  // Of everything else nobody will hear again, but of what is still on its way, and may be done by the new primary.
  // `version`: as above.
  void restart(const std::string& key, const Content& content, std::uint64_t version, Seconds now);
  void begin_term(std::uint64_t term) { term_ = term; }
  [[nodiscard]] bool follows_acks() const { return follows_acks_; }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }

 private:
  enum class Outcome : std::uint8_t { kPending, kUnknown, kNotDone, kDone };
  struct Step {
    Request change;
    Outcome outcome = Outcome::kPending;
    bool found = false;
    Seconds from = 0;  // it is done not before, and not after
    Seconds until = 0;
    std::uint64_t version = 0;
  };
  using Contents = std::set<Content>;
  struct Restart {
    std::uint64_t floor = 0;
    std::uint64_t version = 0;
  };
  struct Key {
    std::vector<Step> steps;                           // the first is number 1
    std::vector<Contents> after{Contents{Content{}}};  // what it may hold after which step, up to the floor
    std::map<std::string, std::uint64_t> shown_at;     // the newest, by node
    std::vector<Restart> restarts;
    [[nodiscard]] std::uint64_t floor() const { return after.size() - 1; }
    [[nodiscard]] std::uint64_t restarted() const { return restarts.empty() ? 0 : restarts.back().floor; }
  };
  [[nodiscard]] static std::uint64_t floor_at(const Key& key, std::uint64_t version);
  [[nodiscard]] Step& step_of(const Request& change) { return keys_[change.key].steps[change.number - 1]; }
  [[nodiscard]] Contents step_on(const Step& step, const Contents& before, Seconds now) const;
  // The first step from `floor` on after which the key may show this; nothing: none.
  struct Fit {
    std::uint64_t number;
    bool certain;  // it is not just that time has passed
  };
  [[nodiscard]] std::optional<Fit> fit(Key& key, std::uint64_t floor, const Content& content, Seconds from,
                                       Seconds until) const;
  void settle(Key& key, std::uint64_t number, Seconds now);
  [[nodiscard]] std::string describe(Key& key, std::uint64_t floor, Seconds now) const;

  const bool evicts_;
  const bool follows_acks_;
  std::unordered_map<std::string, Key> keys_;
  std::uint64_t term_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t reads_ = 0;
};

[[nodiscard]] std::string describe(const Content& content);

}  // namespace lmc::sim
