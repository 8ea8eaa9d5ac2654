#include "tools/bench/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

namespace lmc::bench {
namespace {

constexpr int kMaxEvents = 256;
constexpr std::chrono::milliseconds kPhaseCheck{50};  // a sleeping worker looks at the phase this often
constexpr std::uint32_t kMaxBatchesATurn = 64;        // then the sockets are looked at again
constexpr double kNsPerSecond = 1e9;

}  // namespace

Worker::Worker(const Plan& plan, std::uint32_t index, const PhaseNow& phase, Measurements& measurements)
    : plan_(plan),
      index_(index),
      phase_(phase),
      measurements_(measurements),
      random_(scatter(plan.seed ^ 0x6172726976616c) + index),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::runtime_error(std::string("epoll_create1 failed: ") + std::strerror(errno));
  for (std::uint32_t i = index; i < plan.connections; i += plan.threads) {
    channels_.emplace_back(plan, i, measurements);
  }
  for (Channel& channel : channels_) {
    channel.session.connect();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &channel;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, channel.session.socket(), &event);
  }
}

Worker::~Worker() {
  if (epoll_ >= 0) close(epoll_);
}

void Worker::pin() {
  if (plan_.cpus.empty()) return;
  const unsigned cpu = plan_.cpus[index_ % plan_.cpus.size()];
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  if (error != 0) {
    measurements_.note_problem("cannot pin thread " + std::to_string(index_) + " to CPU " + std::to_string(cpu) + ": " +
                               std::strerror(error));
  }
}

void Worker::run() {
  pin();
  if (plan_.loop == Loop::kOpen) {
    run_open();
  } else {
    run_closed();
  }
  const std::uint64_t now = now_ns();
  for (Channel& channel : channels_) channel.session.give_up(now);
}

bool Worker::finished() const {
  const Phase now = phase();
  if (now == Phase::kStop) return true;
  for (const Channel& channel : channels_) {
    const Session& session = channel.session;
    if (session.closed()) continue;
    if (session.under_way() != 0) return false;
    if (now != Phase::kDrain && !session.exhausted()) return false;
  }
  return true;
}

std::size_t Worker::under_way() const {
  std::size_t sum = 0;
  for (const Channel& channel : channels_) sum += channel.session.under_way();
  return sum;
}

void Worker::run_closed() {
  for (Channel& channel : channels_) refill(channel);
  // finished() looks at all connections: asked only when a connection has come to rest, or from time to time.
  while (true) {
    const bool something = wait(kPhaseCheck);
    if ((!something || phase() >= Phase::kDrain || plan_.operations != 0) && finished()) return;
  }
}

// Returns whether anything was ready.
bool Worker::wait(std::chrono::nanoseconds at_most) {
  std::array<epoll_event, kMaxEvents> events;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec timeout{seconds.count(), (at_most - seconds).count()};
  const int ready = epoll_pwait2(epoll_, events.data(), kMaxEvents, &timeout, nullptr);
  if (ready < 0 && errno != EINTR) throw std::runtime_error("epoll_pwait2: " + std::string(std::strerror(errno)));
  for (int i = 0; i < ready; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    Channel& channel = *static_cast<Channel*>(event.data.ptr);
    if ((event.events & EPOLLOUT) != 0) {
      channel.session.flush();
      after_flush(channel);
    }
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
      channel.session.receive();
      refill(channel);
    }
  }
  return ready > 0;
}

// Closed loop: the next batch if the last one is answered. Open loop: only the sets that misses ask for.
void Worker::refill(Channel& channel) {
  Session& session = channel.session;
  const Phase now = phase();
  if (session.closed() || now >= Phase::kDrain) return;
  const auto under_way = static_cast<std::uint32_t>(session.under_way());
  if (plan_.loop == Loop::kClosed && under_way != 0) return;
  if (plan_.loop == Loop::kWindow && under_way >= plan_.pipeline) return;
  const Session::Moment moment{now_ns(), now == Phase::kMeasure};
  if (plan_.loop == Loop::kOpen) {
    session.begin_fills(moment);
  } else {
    session.begin(plan_.pipeline - under_way, moment);
  }
  session.flush();
  after_flush(channel);
}

void Worker::after_flush(Channel& channel) {
  const bool wants = channel.session.has_unsent();
  if (wants == channel.wants_writable || channel.session.closed()) return;
  channel.wants_writable = wants;
  epoll_event event{};
  event.events = EPOLLIN | (wants ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.ptr = &channel;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, channel.session.socket(), &event);
}

double Worker::next_gap_ns() {
  const double batches_per_s = plan_.rate / plan_.pipeline / plan_.threads;
  return -std::log(1 - random_.unit()) * kNsPerSecond / batches_per_s;
}

void Worker::run_open() {
  if (channels_.empty()) return;
  if (!plan_.busy_poll) prctl(PR_SET_TIMERSLACK, 1);  // ns; else a sleep is up to 50 us too long
  next_arrival_ns_ = static_cast<double>(now_ns()) + next_gap_ns();
  std::uint64_t turn_began = now_ns();
  while (true) {
    const Phase now_phase = phase();
    if (now_phase >= Phase::kDrain || plan_.operations != 0) {
      if (finished()) return;
    }
    const bool due = now_phase < Phase::kDrain && next_arrival_ns_ <= static_cast<double>(turn_began);
    if (due) issue_due(turn_began);
    std::chrono::nanoseconds at_most{0};
    if (!due && !plan_.busy_poll) {
      const double gap_ns = next_arrival_ns_ - static_cast<double>(turn_began);
      at_most =
          std::clamp<std::chrono::nanoseconds>(std::chrono::nanoseconds(std::llround(gap_ns)), at_most, kPhaseCheck);
    }
    const bool something = wait(at_most);
    const std::uint64_t now = now_ns();
    if (!due && !something) {
      const std::uint64_t idle = measurements_.idle_ns.load(std::memory_order_relaxed);
      measurements_.idle_ns.store(idle + now - turn_began, std::memory_order_relaxed);
    }
    turn_began = now;
  }
}

void Worker::issue_due(std::uint64_t now) {
  for (std::uint32_t i = 0; i < kMaxBatchesATurn && next_arrival_ns_ <= static_cast<double>(now); ++i) {
    const auto intended = static_cast<std::uint64_t>(next_arrival_ns_);
    next_arrival_ns_ += next_gap_ns();
    Channel& channel = channels_[next_channel_];
    next_channel_ = (next_channel_ + 1) % channels_.size();
    if (channel.session.closed()) continue;
    const bool measured = phase() == Phase::kMeasure;
    channel.session.begin(plan_.pipeline, {intended, measured});
    if (measured) measurements_.send_lag_ns.record(now_ns() - intended);
    if (!channel.dirty) {
      channel.dirty = true;
      dirty_.push_back(&channel);
    }
  }
  flush_dirty();
  if (under_way() > kMaxUnderWay) {
    throw std::runtime_error("more than " + std::to_string(kMaxUnderWay) +
                             " operations are unanswered: the server cannot keep up with --rate; ask for less");
  }
}

void Worker::flush_dirty() {
  for (Channel* channel : dirty_) {
    channel->dirty = false;
    channel->session.flush();
    after_flush(*channel);
  }
  dirty_.clear();
}

}  // namespace lmc::bench
