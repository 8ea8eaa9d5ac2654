#include "replication/control/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace lmc::replication {

Digest256 hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  Digest256 digest;
  unsigned size = 0;
  if (::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data(), &size) == nullptr ||
      size != digest.size())
    throw std::runtime_error("libcrypto does not compute HMAC-SHA256");
  return digest;
}

bool equal_secretly(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lmc::replication
