// One blocking connection to a memcached server, for tests and tools.
//
// A call writes one request and waits for its answer, at most as long as the connection's patience. Answers come back
// as values: an Outcome for what memcached's users expect to happen, and for what goes wrong with the connection.
//
// After kTimedOut, kClosed or kMalformed the connection is closed (an answer that comes late could be taken for the
// answer to the next request): open another one. kRefused leaves it usable.
//
// Threads: a Connection belongs to one thread at a time. Ownership: what is returned is the caller's; nothing points
// into the connection, but `exchange` and `reply`, whose views live until the next call.
//
// Keys are sent as they are: protocol::is_valid_key is the caller's business, so that tests can send wrong ones.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/reply_parser.h"
#include "protocol/request_writer.h"

namespace lmc::client {

using std::chrono::milliseconds;

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path;  // not empty: instead of host and port

  static Endpoint tcp(std::string host, std::uint16_t port) { return {std::move(host), port, {}}; }
  static Endpoint unix_socket(std::string path) { return {{}, 0, std::move(path)}; }
};

enum class [[nodiscard]] Outcome : std::uint8_t{
    kDone,       // stored, deleted, touched, found, counted
    kNotFound,   // a miss, too
    kNotStored,  // add of a key that is there, replace or append of one that is not
    kExists,     // cas: somebody else was faster
    kRefused,    // the server answered an error; `message` has it
    kTimedOut,
    kClosed,     // by the peer, or by an earlier failure; `message` may have the reason
    kMalformed,  // the answer is not what memcached would say; `message` has its beginning
};

[[nodiscard]] std::string_view to_string(Outcome outcome);

struct Item {
  std::string value;
  std::uint32_t client_flags = 0;
  std::uint64_t cas = 0;  // 0: not asked for
};

template <typename T>
struct Result {
  Outcome outcome = Outcome::kClosed;
  T value{};            // kDone
  std::string message;  // kRefused, kClosed, kMalformed

  [[nodiscard]] bool ok() const { return outcome == Outcome::kDone; }
};

struct Nothing {};
using Status = Result<Nothing>;

struct StoreOptions {
  std::uint32_t client_flags = 0;
  std::int64_t exptime = 0;
};

class Connection {
 public:
  // `patience` bounds the connect and each later call.
  [[nodiscard]] static Result<Connection> open(const Endpoint& endpoint,
                                               protocol::Dialect dialect = protocol::Dialect::kText,
                                               milliseconds patience = milliseconds(5000));

  Connection() = default;  // closed
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool is_open() const { return socket_ >= 0; }
  [[nodiscard]] int socket() const { return socket_; }
  void close();

  Result<Item> get(std::string_view key);
  Result<Item> gets(std::string_view key);  // with the CAS unique
  // In the order of `keys`; nothing where the key was not found.
  Result<std::vector<std::optional<Item>>> multiget(std::span<const std::string_view> keys);

  Status set(std::string_view key, std::string_view value, StoreOptions options = {});
  Status store(protocol::StoreMode mode, std::string_view key, std::string_view value, StoreOptions options = {});
  Status cas(std::string_view key, std::string_view value, std::uint64_t unique, StoreOptions options = {});
  Status remove(std::string_view key);
  Status touch(std::string_view key, std::int64_t exptime);
  Result<std::uint64_t> incr(std::string_view key, std::uint64_t delta);
  Result<std::uint64_t> decr(std::string_view key, std::uint64_t delta);

  Status flush_all(std::uint32_t delay_s = 0);
  Result<std::string> version();
  Result<std::vector<std::pair<std::string, std::string>>> stats(std::string_view group = "");

  // Raw bytes out. False: closed or timed out.
  [[nodiscard]] bool send(std::string_view bytes);
  // The next element of the answer stream. Its views live until the next call.
  Result<protocol::Reply> reply();
  // Raw bytes in: everything until `end` was received (included), or until the peer closed or patience ended; then
  // `outcome` says so and `value` holds what came.
  Result<std::string> receive_until(std::string_view end);
  // send and receive_until.
  Result<std::string> exchange(std::string_view bytes, std::string_view end);
  // No more requests will be sent; answers still arrive.
  void finish_sending();

 private:
  using Clock = std::chrono::steady_clock;

  Result<Item> get_one(std::string_view key, bool with_cas);
  Result<std::uint64_t> arithmetic(const protocol::ArithmeticArguments& arguments);
  Status request_status();
  template <typename T>
  Result<T> request(T (*take)(const protocol::Reply& reply));
  Outcome receive_more(Clock::time_point deadline);
  bool send_until(std::string_view bytes, Clock::time_point deadline);
  [[nodiscard]] Clock::time_point deadline() const { return Clock::now() + patience_; }
  void drop_consumed();
  protocol::RequestWriter writer();

  int socket_ = -1;
  protocol::Dialect dialect_ = protocol::Dialect::kText;
  milliseconds patience_{5000};
  std::string out_;
  std::string in_;
  std::size_t consumed_ = 0;  // of in_
};

}  // namespace lmc::client
