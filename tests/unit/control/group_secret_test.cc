#include "replication/control/group_secret.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

namespace lmc::replication {
namespace {

class SecretFile {
 public:
  explicit SecretFile(const std::string& content, mode_t mode = 0600) {
    REQUIRE(::mkdtemp(folder_) != nullptr);
    std::ofstream(path()) << content;
    REQUIRE(::chmod(path().c_str(), mode) == 0);
  }
  ~SecretFile() {
    ::unlink(path().c_str());
    ::rmdir(folder_);
  }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  [[nodiscard]] std::string path() const { return folder() + "/secret"; }
  [[nodiscard]] std::string folder() const { return folder_; }

 private:
  char folder_[32] = "/tmp/lmc_secret_XXXXXX";
};

std::string loaded(const std::string& content) {
  return std::string(GroupSecret::load(SecretFile(content).path()).bytes());
}

TEST_CASE("the secret is the file without one newline at its end") {
  const std::string text(20, 's');
  CHECK(loaded(text) == text);
  CHECK(loaded(text + "\n") == text);
  CHECK(loaded(text + "\n\n") == text + "\n");
}

TEST_CASE("a secret has 16 to 4096 bytes") {
  const auto too_few = Catch::Contains("has 15 bytes");
  CHECK_THROWS_WITH(loaded(std::string(15, 's') + "\n"), too_few);
  CHECK_THROWS_WITH(loaded(std::string(15, 's')), too_few);
  CHECK(loaded(std::string(16, 's')).size() == 16);
  CHECK(loaded(std::string(4096, 's') + "\n").size() == 4096);
  CHECK_THROWS(loaded(std::string(4097, 's')));
  CHECK_THROWS(loaded(std::string(100000, 's')));
}

TEST_CASE("a secret that others can use is refused with its mode") {
  for (const auto& [mode, text] : {std::pair(mode_t{0640}, "640"), {0604, "604"}, {0620, "620"}}) {
    const SecretFile file(std::string(20, 's'), mode);
    CHECK_THROWS_WITH(GroupSecret::load(file.path()), Catch::Contains(file.path()) && Catch::Contains(text));
  }
}

TEST_CASE("what is no file is no secret, and the error does not tell the secret") {
  const SecretFile file("tooshort");
  CHECK_THROWS_WITH(GroupSecret::load(file.path()), !Catch::Contains("tooshort"));
  REQUIRE(::chmod(file.folder().c_str(), 0700) == 0);
  CHECK_THROWS_WITH(GroupSecret::load(file.folder()), Catch::Contains("is no regular file"));
  CHECK_THROWS_WITH(GroupSecret::load(file.path() + ".gone"), Catch::Contains("No such file"));
}

}  // namespace
}  // namespace lmc::replication
