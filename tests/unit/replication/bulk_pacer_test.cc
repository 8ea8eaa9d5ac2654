#include "replication/engine/bulk_pacer.h"

#include <catch2/catch.hpp>

namespace lmc::replication {
namespace {

using std::chrono::microseconds;

TEST_CASE("a copy that slows nothing down does not pause") {
  BulkPacer pacer;
  CHECK(pacer.next_pause() == microseconds(0));  // nothing is written at all
  for (int i = 0; i < 100; ++i) pacer.on_landed(microseconds(100), false);
  for (int i = 0; i < 100; ++i) {
    pacer.on_landed(microseconds(130), true);
    CHECK(pacer.next_pause() == microseconds(0));
  }
}

TEST_CASE("a copy that slows writes down pauses ever longer, to a bound, and less when it is over") {
  BulkPacer pacer;
  for (int i = 0; i < 100; ++i) pacer.on_landed(microseconds(100), false);
  microseconds before{0};
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 10; ++j) pacer.on_landed(microseconds(2000), true);
    const microseconds pause = pacer.next_pause();
    CHECK((pause > before || pause == BulkPacer::kLongest));
    before = pause;
  }
  CHECK(before == BulkPacer::kLongest);
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 50; ++j) pacer.on_landed(microseconds(100), true);
    before = pacer.next_pause();
  }
  CHECK(before == microseconds(0));
}

TEST_CASE("when nothing is written any more the pauses go away") {
  BulkPacer pacer;
  for (int i = 0; i < 100; ++i) pacer.on_landed(microseconds(100), false);
  for (int i = 0; i < 20; ++i) {
    pacer.on_landed(microseconds(5000), true);
    (void)pacer.next_pause();
  }
  CHECK(pacer.pause() == BulkPacer::kLongest);
  for (int i = 0; i < 10; ++i) (void)pacer.next_pause();
  CHECK(pacer.pause() == microseconds(0));
}

TEST_CASE("where writes have become slow for another reason, a copy ends up at full speed all the same") {
  BulkPacer pacer;
  for (int i = 0; i < 100; ++i) pacer.on_landed(microseconds(100), false);
  for (int i = 0; i < 100'000; ++i) {
    pacer.on_landed(microseconds(1000), true);
    (void)pacer.next_pause();
  }
  CHECK(pacer.pause() == microseconds(0));
}

}  // namespace
}  // namespace lmc::replication
