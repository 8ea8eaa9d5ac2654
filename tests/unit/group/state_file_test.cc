#include "server/group/state_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "documented.h"

namespace lmc::group {
namespace {

// The worked example of FORMAT.md.
constexpr const char* kExample =
    "LogMemcached group state 1\n"
    "seen 65539\n"
    "epoch 65538\n"
    "primary 10.0.0.1:21211\n"
    "in_sync 10.0.0.2:21211\n"
    "in_sync 10.0.0.3:21211\n"
    "end\n";
const GroupState kState{{65539}, {{65538}, "10.0.0.1:21211", {"10.0.0.2:21211", "10.0.0.3:21211"}}};

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/lmc-state-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file() const { return path_ + "/state"; }
  [[nodiscard]] std::string content() const {
    std::ostringstream all;
    all << std::ifstream(file()).rdbuf();
    return all.str();
  }
  void put(const std::string& content) const { std::ofstream(file()) << content; }

 private:
  std::string path_;
};

TEST_CASE("the state file's bytes are those of FORMAT.md") {
  const Folder folder;
  write_state(folder.file(), kState);
  CHECK(folder.content() == kExample);
  CHECK(replication::is_documented("FORMAT.md", kExample));
  CHECK_FALSE(std::filesystem::exists(folder.file() + ".next"));
  struct stat status {};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("what was written is read, also over an older content, and without a primary") {
  const Folder folder;
  CHECK_FALSE(read_state(folder.file()));
  write_state(folder.file(), kState);
  auto state = read_state(folder.file());
  REQUIRE(state);
  CHECK(state->seen == kState.seen);
  CHECK(state->view == kState.view);
  const GroupState fenced{{131072}, {{65538}, "", {"10.0.0.2:21211"}}};
  write_state(folder.file(), fenced);
  state = read_state(folder.file());
  REQUIRE(state);
  CHECK(state->seen == fenced.seen);
  CHECK(state->view == fenced.view);
}

TEST_CASE("a state file that is cut off, of another version, or says more than is known is refused") {
  const Folder folder;
  const std::string whole = kExample;
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    folder.put(whole.substr(0, size));
    CHECK_THROWS_WITH(read_state(folder.file()), Catch::Contains(folder.file()));
  }
  folder.put("LogMemcached group state 2\nend\n");
  CHECK_THROWS_WITH(read_state(folder.file()), Catch::Contains("not one of this version"));
  folder.put("LogMemcached group state 1\nlease 7\nend\n");
  CHECK_THROWS_WITH(read_state(folder.file()), Catch::Contains("a line that makes no sense: lease 7"));
}

}  // namespace
}  // namespace lmc::group
