#include "replication/control/group_secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "replication/fabric/fd.h"

namespace lmc::replication {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error("group secret file '" + path + "': " + what);
}

}  // namespace

GroupSecret::GroupSecret(std::string_view bytes) : bytes_(bytes) {
  if (bytes_.size() < kMinBytes || bytes_.size() > kMaxBytes)
    throw std::runtime_error("a group secret has " + std::to_string(kMinBytes) + " to " + std::to_string(kMaxBytes) +
                             " bytes, this one " + std::to_string(bytes_.size()));
}

GroupSecret GroupSecret::load(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) fail(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail(path, "is no regular file");
  if ((status.st_mode & 077) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%03o", status.st_mode & 0777);
    fail(path, "others may use it too (mode " + std::string(mode) + "); chmod 600 it");
  }
  std::string bytes(kMaxBytes + 2, '\0');
  const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
  if (got < 0) fail(path, std::strerror(errno));
  bytes.resize(static_cast<std::size_t>(got));
  if (!bytes.empty() && bytes.back() == '\n') bytes.pop_back();
  if (bytes.size() < kMinBytes || bytes.size() > kMaxBytes)
    fail(path, "has " + std::to_string(bytes.size()) + " bytes; " + std::to_string(kMinBytes) + " to " +
                   std::to_string(kMaxBytes) + " are wanted (head -c 32 /dev/urandom | base64)");
  GroupSecret secret(bytes);
  ::OPENSSL_cleanse(bytes.data(), bytes.size());
  return secret;
}

GroupSecret::~GroupSecret() {
  ::OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

}  // namespace lmc::replication
