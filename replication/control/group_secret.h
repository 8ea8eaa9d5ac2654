// The group secret: what every node and admin tool of a group knows, and nobody else. It is never sent; it keys what is
// proved (handshake.h).
//
// Threads: any, after construction. Errors: load() throws std::runtime_error with what is wrong with the file.
#pragma once

#include <string>
#include <string_view>

namespace lmc::replication {

class GroupSecret {
 public:
  static constexpr std::size_t kMinBytes = 16;
  static constexpr std::size_t kMaxBytes = 4096;

  // The file's content, without a newline at its end. Nobody but its owner may be able to read it.
  [[nodiscard]] static GroupSecret load(const std::string& path);
  explicit GroupSecret(std::string_view bytes);
  ~GroupSecret();  // wipes
  GroupSecret(GroupSecret&&) = default;
  GroupSecret(const GroupSecret&) = delete;
  GroupSecret& operator=(const GroupSecret&) = delete;

  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace lmc::replication
