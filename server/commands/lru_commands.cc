// lru, lru_crawler, slabs. A log has neither LRU queues nor slab classes: what these commands set is kept to be shown,
// and what they ask to be moved has no spare pages. The walks of lru_crawler are real.

#include <charconv>
#include <optional>

#include "protocol/numbers.h"
#include "protocol/text_replies.h"
#include "protocol/words.h"
#include "server/commands/dialects.h"
#include "server/commands/dumps.h"

namespace lmc::commands {
namespace {

using protocol::next_word;
using protocol::Request;
namespace reply = protocol::reply;

constexpr std::uint32_t kMaxSizeClass = 63;
constexpr std::uint32_t kMaxCrawlerSleepUs = 1'000'000;
constexpr unsigned kMaxHotAndWarmPercent = 80;
constexpr auto kRelaxed = std::memory_order_relaxed;

bool read_double(std::string_view word, double& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc{} && end == word.data() + word.size();
}

Disposition done(Context& context, const Request& request, std::string_view text) {
  answer(context, request, text);
  return Disposition::kContinue;
}

// --- lru ---

std::string_view tune_lru(Settings& settings, std::string_view words) {
  std::uint32_t hot = 0;
  std::uint32_t warm = 0;
  double hot_factor = 0;
  double warm_factor = 0;
  const bool good = protocol::strict_u32(next_word(words), hot) && protocol::strict_u32(next_word(words), warm) &&
                    read_double(next_word(words), hot_factor) && read_double(next_word(words), warm_factor);
  if (!good) return reply::kError;
  if (hot > kMaxHotAndWarmPercent || warm > kMaxHotAndWarmPercent || hot + warm > kMaxHotAndWarmPercent) {
    return reply::kLruPercentTooHigh;
  }
  if (hot_factor <= 0 || warm_factor <= 0) return reply::kLruFactorTooLow;
  settings.hot_lru_percent.store(hot, kRelaxed);
  settings.warm_lru_percent.store(warm, kRelaxed);
  settings.hot_max_factor.store(hot_factor, kRelaxed);
  settings.warm_max_factor.store(warm_factor, kRelaxed);
  return reply::kOk;
}

std::string_view set_temporary_ttl(Settings& settings, std::string_view words) {
  std::int32_t ttl = 0;
  if (!protocol::strict_i32(next_word(words), ttl)) return reply::kError;
  settings.temporary_lru.store(ttl >= 0, kRelaxed);
  if (ttl >= 0) settings.temporary_ttl_s.store(static_cast<unsigned>(ttl), kRelaxed);
  return reply::kOk;
}

std::string_view set_lru_mode(Settings& settings, std::string_view words) {
  const std::string_view mode = next_word(words);
  if (mode != "flat" && mode != "segmented") return reply::kError;
  settings.lru_segmented.store(mode == "segmented", kRelaxed);
  return reply::kOk;
}

// --- lru_crawler ---

// `all`, `hash` (the order is the index's in any case), or class ids with commas between.
std::optional<ClassMask> parse_classes(std::string_view word, bool hash_allowed) {
  if (word == "all" || (hash_allowed && word == "hash")) return kAllClasses;
  ClassMask mask = 0;
  while (!word.empty()) {
    const std::size_t comma = word.find(',');
    std::uint32_t id = 0;
    if (!protocol::strict_u32(word.substr(0, comma), id) || id == 0 || id >= kMaxSizeClass) return std::nullopt;
    mask |= ClassMask{1} << id;
    word = comma == std::string_view::npos ? std::string_view{} : word.substr(comma + 1);
  }
  return mask;
}

Disposition start_walk(Context& context, const Request& request, std::string_view order,
                       std::string_view classes_word) {
  const Settings& settings = context.shared.settings;
  if (!settings.lru_crawler_enabled.load(kRelaxed)) return done(context, request, reply::kCrawlerDisabled);
  if (order == "metadump" && !settings.dump_enabled) return done(context, request, reply::kMetadumpNotAllowed);
  if (order == "mgdump" && !settings.dump_enabled) return done(context, request, reply::kMgdumpNotAllowed);
  const std::optional<ClassMask> classes = parse_classes(classes_word, order != "crawl");
  if (!classes) return done(context, request, reply::kCrawlerBadClass);
  if (context.client.datagram) return done(context, request, reply::kError);
  if (order == "crawl") {
    if (context.policy != ChangePolicy::kExecute) return done(context, request, reply::kOk);  // not for this node to do
    context.client.source = make_crawl(context);
  } else {
    context.client.source =
        make_dump(context, order == "mgdump" ? DumpFormat::kMgdump : DumpFormat::kMetadump, *classes);
  }
  return Disposition::kSource;
}

std::string_view switch_crawler(Settings& settings, bool on) {
  if (settings.lru_crawler_enabled.exchange(on, kRelaxed) != on) return reply::kOk;
  return on ? reply::kCrawlerNotStarted : reply::kCrawlerNotStopped;
}

std::string_view set_crawler_number(Settings& settings, std::string_view which, std::string_view word) {
  std::uint32_t number = 0;
  if (!protocol::strict_u32(word, number)) return reply::kBadLine;
  if (which == "tocrawl") {
    settings.lru_crawler_tocrawl.store(number, kRelaxed);
    return reply::kOk;
  }
  if (number > kMaxCrawlerSleepUs) return reply::kCrawlerSleepTooLong;
  settings.lru_crawler_sleep_us.store(number, kRelaxed);
  return reply::kOk;
}

// --- slabs ---

std::string_view reassign(const Settings& settings, std::string_view words) {
  if (!settings.slab_reassign) return reply::kReassignDisabled;
  std::int32_t from = 0;
  std::int32_t to = 0;
  if (!protocol::strict_i32(next_word(words), from) || !protocol::strict_i32(next_word(words), to)) {
    return reply::kBadLine;
  }
  if (from == to) return reply::kReassignSame;
  const auto is_class = [](std::int32_t id) { return id > 0 && id <= static_cast<std::int32_t>(kMaxSizeClass); };
  if (!is_class(to) || (from != -1 && !is_class(from))) return reply::kReassignBadClass;  // -1: from anywhere
  return reply::kReassignNoSpare;
}

std::string_view automove(Settings& settings, std::string_view words) {
  const std::string_view first = next_word(words);
  const std::string_view second = next_word(words);
  if (first == "ratio" || first == "freeratio") {
    double ratio = 0;
    if (!read_double(second, ratio)) return reply::kError;
    (first == "ratio" ? settings.slab_automove_ratio : settings.slab_automove_freeratio).store(ratio, kRelaxed);
    return reply::kOk;
  }
  std::uint32_t number = 0;
  if (!protocol::strict_u32(first == "window" ? second : first, number)) return reply::kBadLine;
  if (first == "window") {
    settings.slab_automove_window.store(number, kRelaxed);
    return reply::kOk;
  }
  if (number > 2) return reply::kError;
  settings.slab_automove.store(number, kRelaxed);
  return reply::kOk;
}

}  // namespace

void execute_lru(Context& context, const Request& request) {
  Settings& settings = context.shared.settings;
  std::string_view words = request.arguments;
  const std::string_view order = next_word(words);
  if (order == "tune") return answer(context, request, tune_lru(settings, words));
  if (order == "mode") return answer(context, request, set_lru_mode(settings, words));
  if (order == "temp_ttl") return answer(context, request, set_temporary_ttl(settings, words));
  answer(context, request, reply::kError);
}

Disposition execute_lru_crawler(Context& context, const Request& request) {
  Settings& settings = context.shared.settings;
  std::string_view words = request.arguments;
  const std::string_view order = next_word(words);
  const std::string_view word = next_word(words);
  if (order == "enable" || order == "disable") {
    return done(context, request, switch_crawler(settings, order == "enable"));
  }
  if (word.empty()) return done(context, request, reply::kError);
  if (order == "crawl" || order == "metadump" || order == "mgdump") return start_walk(context, request, order, word);
  if (order == "sleep" || order == "tocrawl") {
    return done(context, request, set_crawler_number(settings, order, word));
  }
  return done(context, request, reply::kError);
}

void execute_slabs(Context& context, const Request& request) {
  std::string_view words = request.arguments;
  const std::string_view order = next_word(words);
  const std::size_t count = protocol::count_words(words);
  if (order == "reassign" && count >= 2) return answer(context, request, reassign(context.shared.settings, words));
  if (order == "automove" && count >= 1) return answer(context, request, automove(context.shared.settings, words));
  answer(context, request, reply::kError);
}

}  // namespace lmc::commands
