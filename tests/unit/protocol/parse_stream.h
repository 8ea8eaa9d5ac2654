// Feeds bytes to a parser as a connection does, checks what every outcome must satisfy, and writes down what came out.
// Shared by the unit tests and the fuzz targets. A broken invariant is a std::logic_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protocol/binary_format.h"
#include "protocol/parser.h"
#include "protocol/request.h"

namespace lmc::protocol::testing {

using Parse = Parsed (*)(std::string_view, const ParseLimits&, Request&);

inline void require(bool condition, const char* invariant) {
  if (!condition) throw std::logic_error(invariant);
}

inline bool is_inside(std::string_view view, std::string_view input) {
  return view.empty() || (view.data() >= input.data() && view.data() + view.size() <= input.data() + input.size());
}

// All that a request says, as one line.
inline std::string describe(const Request& request) {
  const auto number = [](auto n) { return ' ' + std::to_string(n); };
  std::string text = "request" + number(static_cast<int>(request.command)) + number(static_cast<int>(request.dialect)) +
                     number(static_cast<int>(request.value_state));
  text += number(request.quiet) + number(request.with_key) + number(request.has_exptime) + number(request.opcode);
  text += number(request.opaque) + number(request.client_flags) + number(request.exptime) + number(request.cas);
  text += number(request.delta) + number(request.initial) + number(request.value_bytes);
  text += " [" + std::string(request.key) + "] [" + std::string(request.arguments) + "] [";
  return text + std::string(request.value) + "]\n";
}

class ParseStream {
 public:
  ParseStream(Parse parse, ParseLimits limits) : parse_(parse), limits_(limits) {}

  // `bytes` arrive behind what is there.
  void feed(std::string_view bytes) {
    rest_ += bytes;
    // A copy of exactly its size, so that a sanitizer sees a look behind the end.
    const std::string buffer(rest_);
    std::string_view input = buffer;
    while (!closed_ && step(input)) {
    }
    rest_ = input;
  }

  [[nodiscard]] const std::string& log() const { return log_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  // Takes one outcome off `input`; false when there is nothing more to do.
  bool step(std::string_view& input) {
    const std::size_t passed_over = swallow_ < input.size() ? static_cast<std::size_t>(swallow_) : input.size();
    input.remove_prefix(passed_over);
    swallow_ -= passed_over;
    if (input.empty()) return false;

    Request request;
    const Parsed parsed = parse_(input, limits_, request);
    check(parsed, request, input);
    switch (parsed.status) {
      case Parsed::Status::kIncomplete:
        return false;
      case Parsed::Status::kRequest:
        log_ += describe(request);
        break;
      case Parsed::Status::kReject:
        log_ += "reject " + std::to_string(parsed.binary_status) + ' ' + std::string(parsed.reply) + '\n';
        break;
      case Parsed::Status::kClose:
        log_ += "close " + std::to_string(parsed.binary_status) + ' ' + std::string(parsed.reply) + '\n';
        closed_ = true;
        return false;
    }
    input.remove_prefix(parsed.consumed);
    swallow_ = parsed.swallow;
    return true;
  }

  void check(const Parsed& parsed, const Request& request, std::string_view input) const {
    require(parsed.consumed <= input.size(), "consumed no more than there is");
    if (parsed.status == Parsed::Status::kIncomplete) {
      require(parsed.consumed == 0 && parsed.swallow == 0, "an incomplete request consumes nothing");
      require(parsed.needed == 0 || parsed.needed > input.size(), "what is needed is more than there is");
      return;
    }
    if (parsed.status == Parsed::Status::kClose) return;
    require(parsed.consumed > 0, "an outcome is progress");
    if (parsed.status != Parsed::Status::kRequest) return;
    require(is_inside(request.key, input), "the key is in the input");
    require(is_inside(request.arguments, input), "the arguments are in the input");
    require(is_inside(request.value, input), "the value is in the input");
    require(request.key.size() <= kMaxKeyBytes, "a key has its limit");
    const bool too_large = request.value_state == ValueState::kTooLarge;
    require((parsed.swallow > 0) == too_large, "only a value that is too large is passed over");
    const bool present = request.value_state == ValueState::kPresent || request.value_state == ValueState::kBadChunk;
    require(!present || request.value.size() == request.value_bytes, "a value has its announced length");
    require(!present || request.value_bytes <= limits_.max_value_bytes, "a value has its limit");
  }

  Parse parse_;
  ParseLimits limits_;
  std::string rest_;
  std::string log_;
  std::uint64_t swallow_ = 0;
  bool closed_ = false;
};

// The outcome of one call, with the input that it points into.
struct Outcome {
  std::unique_ptr<const std::string> input;
  Parsed parsed;
  Request request;
};

inline Outcome parse_once(Parse parse, std::string_view input, std::uint64_t max_value_bytes = 1 << 20) {
  Outcome outcome{std::make_unique<const std::string>(input), {}, {}};
  outcome.parsed = parse(*outcome.input, ParseLimits{max_value_bytes}, outcome.request);
  return outcome;
}
inline Outcome text(std::string_view input, std::uint64_t max_value_bytes = 1 << 20) {
  return parse_once(parse_text, input, max_value_bytes);
}

inline bool is_request(const Outcome& outcome, Command command) {
  return outcome.parsed.status == Parsed::Status::kRequest && outcome.request.command == command;
}
inline bool is_reject(const Outcome& outcome, std::string_view reply) {
  return outcome.parsed.status == Parsed::Status::kReject && outcome.parsed.reply == reply;
}

}  // namespace lmc::protocol::testing
