// What needs no device.
#include "replication/fabric/verbs/outcome.h"

#include <catch2/catch.hpp>
#include <type_traits>

#include "replication/fabric/verbs/handles.h"
#include "replication/fabric/verbs/locked_memory.h"

namespace lmc::replication::verbs {
namespace {

static_assert(!std::is_copy_constructible_v<QueuePair> && std::is_nothrow_move_constructible_v<QueuePair>);

TEST_CASE("each way to report failure is understood") {
  errno = EADDRINUSE;
  CHECK(minus_one_and_errno(-1).error() == EADDRINUSE);
  CHECK_FALSE(minus_one_and_errno(0).failed());

  errno = EADDRINUSE;  // left over from elsewhere
  CHECK(errno_value(EINVAL).error() == EINVAL);
  CHECK(errno_value(-EINVAL).error() == EINVAL);
  CHECK_FALSE(errno_value(0).failed());

  errno = ENOMEM;
  CHECK(null_and_errno(nullptr).error() == ENOMEM);
  CHECK_FALSE(null_and_errno("something").failed());

  CHECK(negative(-1).failed());
  CHECK_FALSE(negative(0).failed());
  CHECK_FALSE(negative(16).failed());
}

TEST_CASE("a failure without a cause is still one") {
  errno = 0;
  CHECK(minus_one_and_errno(-1).failed());
  CHECK(null_and_errno(nullptr).failed());
}

TEST_CASE("an error says what failed, why, and what can be done") {
  const Attempt attempt{"listen on 10.0.0.1:11300", "another process listens there"};
  CHECK(failure_text(Outcome(EADDRINUSE), attempt) ==
        "cannot listen on 10.0.0.1:11300: Address already in use; another process listens there");
  CHECK(failure_text(Outcome(EADDRINUSE), {"listen", ""}) == "cannot listen: Address already in use");
  CHECK_NOTHROW(require(Outcome(), attempt));
  try {
    require(Outcome(EADDRINUSE), attempt);
    FAIL("it did not throw");
  } catch (const Error& error) {
    CHECK(error.error() == EADDRINUSE);
  }
}

TEST_CASE("the limit of locked memory objects to what is beyond it") {
  CHECK(objection({.bytes = 4096}, 4096).empty());
  CHECK(objection({}, std::uint64_t{1} << 40).empty());
  CHECK(objection({.bytes = 4096, .ignored = true}, 8192).empty());
  const std::string why = objection({.bytes = 4096}, 4097);
  CHECK(why.find("4097 bytes") != std::string::npos);
  CHECK(why.find("may lock 4096") != std::string::npos);
  CHECK(why.find(kRaiseTheLimit) != std::string::npos);
}

}  // namespace
}  // namespace lmc::replication::verbs
