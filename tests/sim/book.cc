#include "book.h"

#include <algorithm>
#include <charconv>

namespace lmc::sim {

namespace {

char filling(const Item& item) {
  return static_cast<char>('a' + item.number % 26);
}

bool may_live(const Content& content, Seconds from) {
  return content && (content->expiry == 0 || content->expiry > from);
}

bool may_be_dead(const Content& content, Seconds until) {
  return !content || (content->expiry != 0 && content->expiry <= until);
}

}  // namespace

std::string value_of(const Item& item) {
  std::string value = std::to_string(item.number) + " " + std::to_string(item.bytes) + " " +
                      std::to_string(item.count) + " " + std::to_string(item.counted_by) + " ";
  value.resize(std::max<std::size_t>(value.size(), item.bytes), filling(item));
  return value;
}

std::optional<Item> item_of(const std::string& value) {
  Item item;
  const char* at = value.data();
  const char* const end = at + value.size();
  for (std::uint64_t* word : {&item.number, &item.bytes, &item.count, &item.counted_by}) {
    const auto [behind, error] = std::from_chars(at, end, *word);
    if (error != std::errc() || behind == end || *behind != ' ') return std::nullopt;
    at = behind + 1;
  }
  return value == value_of(item) ? std::optional(item) : std::nullopt;
}

Item stored(const Request& request) {
  Item item;
  item.number = request.number;
  item.bytes = request.bytes;
  item.expiry = request.expiry;
  return item;
}

Content changed(const Item& item, const Request& request) {
  Item next = item;
  switch (request.verb) {
    case Verb::kGet:
      return item;
    case Verb::kSet:
      return stored(request);
    case Verb::kTouch:
      next.expiry = request.expiry;
      return next;
    case Verb::kCount:
      ++next.count;
      next.counted_by = request.number;
      return next;
    case Verb::kMark:
      next.stale = request.stale;
      next.win_sent = request.win_sent;
      return next;
    case Verb::kErase:
    case Verb::kFlush:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string describe(const Content& content) {
  if (!content) return "nothing";
  return "set " + std::to_string(content->number) + ", counts " + std::to_string(content->count) + " last " +
         std::to_string(content->counted_by) + ", expiry " + std::to_string(content->expiry) +
         (content->stale ? ", stale" : "") + (content->win_sent ? ", win sent" : "");
}

std::string Book::describe(Key& key, std::uint64_t floor, Seconds now) const {
  std::string text;
  Contents contents;
  for (std::uint64_t number = floor; number <= key.steps.size(); ++number) {
    contents = number <= key.floor() ? key.after[number] : step_on(key.steps[number - 1], contents, now);
    text += "\n  after " + std::to_string(number) + (number == key.floor() ? " (floor)" : "");
    if (number != 0) {
      constexpr const char* kVerbs[] = {"get", "set", "touch", "count", "mark", "erase", "flush"};
      constexpr const char* kOutcomes[] = {"pending", "unknown", "not done", "done"};
      const Step& step = key.steps[number - 1];
      text += std::string(", ") + kVerbs[static_cast<unsigned>(step.change.verb)] + " " +
              kOutcomes[static_cast<unsigned>(step.outcome)] + (step.found ? "" : " (not found)");
    }
    for (const Content& content : contents) text += "; " + sim::describe(content);
  }
  return text;
}

Book::Contents Book::step_on(const Step& step, const Contents& before, Seconds now) const {
  Contents after;
  const bool done = step.outcome == Outcome::kDone;
  const Seconds until = step.outcome == Outcome::kPending ? now : step.until;
  for (const Content& content : before) {
    if (!done) after.insert(content);
    if (step.outcome == Outcome::kNotDone) continue;
    if (step.change.verb == Verb::kSet) {
      after.insert(stored(step.change));
    } else if (step.change.verb == Verb::kFlush) {
      after.insert(Content{});
    } else {
      if (may_live(content, step.from) && (!done || step.found)) after.insert(changed(*content, step.change));
      if ((evicts_ || may_be_dead(content, until)) && (!done || !step.found)) after.insert(Content{});
    }
  }
  if (evicts_ && !after.empty()) after.insert(Content{});
  return after;
}

void Book::settle(Key& key, std::uint64_t number, Seconds now) {
  while (key.floor() < number) key.after.push_back(step_on(key.steps[key.floor()], key.after.back(), now));
}

std::optional<Book::Fit> Book::fit(Key& key, std::uint64_t floor, const Content& content, Seconds from,
                                   Seconds until) const {
  Contents contents;
  for (std::uint64_t number = std::min(floor, key.floor()); number <= key.steps.size(); ++number) {
    contents = number <= key.floor() ? key.after[number] : step_on(key.steps[number - 1], contents, until);
    if (number < floor) continue;
    if (contents.contains(content) && (!content || may_live(content, from))) return Fit{number, true};
    if (content) continue;
    for (const Content& each : contents)
      if (may_be_dead(each, until)) return Fit{number, false};
  }
  return std::nullopt;
}

void Book::begin(Request& change, Seconds now) {
  Key& key = keys_[change.key];
  change.number = key.steps.size() + 1;
  key.steps.push_back({change, Outcome::kPending, false, now, now, 0});
}

void Book::done(const Request& change, const Done& how, Seconds now) {
  Key& key = keys_[change.key];
  ++acknowledged_;
  if (!follows_acks_ && how.term != term_) return unknown(change, now);
  Step& step = step_of(change);
  step.outcome = Outcome::kDone;
  step.found = how.found;
  step.until = now;
  step.version = how.version;
  if (change.number <= key.floor()) return;  // somebody has seen it already, or newer
  const std::uint64_t floor = key.floor();
  settle(key, change.number, now);
  if (key.after.back().empty())
    throw Violation("a change was answered as it cannot be: " + change.key + " " + std::to_string(change.number) +
                    describe(key, floor, now));
}

void Book::not_done(const Request& change) {
  step_of(change).outcome = Outcome::kNotDone;
}

void Book::unknown(const Request& change, Seconds now) {
  step_of(change).outcome = Outcome::kUnknown;
  step_of(change).until = now;
}

Book::Question Book::ask(const std::string& key, const std::string& node, bool at_primary, Seconds now) {
  Key& of = keys_[key];
  if (follows_acks_ || at_primary) return {of.floor(), now, term_};
  const auto shown = of.shown_at.find(node);
  return {shown == of.shown_at.end() ? of.restarted() : std::max(of.restarted(), shown->second), now, term_};
}

void Book::shown(const std::string& name, const Question& question, std::uint64_t after, const Content& content,
                 Seconds now, const std::string& node, const std::function<std::string()>& where) {
  ++reads_;
  if (!follows_acks_ && question.term != term_) return;
  Key& key = keys_[name];
  const std::uint64_t floor = std::max(question.floor, after);
  const std::optional<Fit> fits = fit(key, floor, content, question.asked, now);
  if (!fits)
    throw Violation(name + " at " + where() + " is " + sim::describe(content) + ", which it cannot be since " +
                    std::to_string(floor) + describe(key, floor, now));
  if (!fits->certain) return;
  std::uint64_t& shown_there = key.shown_at[node];
  shown_there = std::max(shown_there, fits->number);
  if (fits->number < key.floor()) return;
  settle(key, fits->number, now);
  key.after.back() = {content};
  if (evicts_) key.after.back().insert(Content{});
}

// A primary that began with more of the log than this, and is gone, had what nobody else need have.
std::uint64_t Book::floor_at(const Key& key, std::uint64_t version) {
  std::uint64_t floor = 0;
  std::uint64_t end = key.steps.size();
  for (const Restart& restart : key.restarts) {
    if (restart.version > version) {
      end = restart.floor;
      break;
    }
    floor = restart.floor;
  }
  for (std::uint64_t number = floor + 1; number <= end; ++number) {
    const Step& step = key.steps[number - 1];
    if (step.outcome == Outcome::kDone && step.version != 0 && step.version <= version) floor = number;
  }
  return floor;
}

void Book::check_takeover(const std::string& name, const Content& content, bool all, std::uint64_t version, Seconds now,
                          const std::string& node) {
  Key& key = keys_[name];
  const std::uint64_t floor = all ? key.floor() : floor_at(key, version);
  if (!fit(key, floor, content, now, now))
    throw Violation(node + " becomes primary at version " + std::to_string(version) + ", and " + name + " is " +
                    sim::describe(content) + ", which it cannot be since " + std::to_string(floor) +
                    describe(key, floor, now));
}

void Book::restart(const std::string& name, const Content& content, std::uint64_t version, Seconds now) {
  Key& key = keys_[name];
  std::uint64_t last = key.steps.size();
  while (last != 0 && key.steps[last - 1].outcome == Outcome::kPending) --last;
  settle(key, last, now);
  key.after.resize(last + 1);
  key.after.back() = {content};
  if (evicts_) key.after.back().insert(Content{});
  while (!key.restarts.empty() && key.restarts.back().version > version) key.restarts.pop_back();
  key.restarts.push_back({last, version});
  key.shown_at.clear();
}

}  // namespace lmc::sim
