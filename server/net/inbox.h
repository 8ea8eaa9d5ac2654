// Inbox: how other threads reach a thread that sleeps in its event loop.
//
// Messages are taken all at once, in order. An eventfd becomes readable when the inbox has something; it is written
// only when the inbox was empty, so a flood of messages costs one system call. Threads: put() any, take() the owner.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "server/net/fd.h"

namespace lmc::net {

// The wake-up half, without messages.
class Doorbell {
 public:
  Doorbell();  // throws std::runtime_error
  void ring() const;
  void quiet() const;
  [[nodiscard]] int fd() const { return event_.get(); }

 private:
  Fd event_;
};

template <class Message>
class Inbox {
 public:
  void put(Message message) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (first) doorbell_.ring();
  }
  // Replaces the content of `out`.
  void take(std::vector<Message>& out) {
    out.clear();
    doorbell_.quiet();
    const std::lock_guard lock(mutex_);
    std::swap(out, messages_);
  }
  [[nodiscard]] int fd() const { return doorbell_.fd(); }

 private:
  Doorbell doorbell_;
  std::mutex mutex_;
  std::vector<Message> messages_;  // guarded by mutex_
};

}  // namespace lmc::net
