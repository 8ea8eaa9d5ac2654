#include "server/group/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "replication/fabric/fd.h"

namespace lmc::group {

namespace {

constexpr std::string_view kFirstLine = "LogMemcached group state 1";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error("group state file '" + path + "': " + what);
}

void write_whole(const std::string& path, const std::string& text) {
  const replication::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) fail(path, std::strerror(errno));
  for (std::size_t done = 0; done != text.size();) {
    const ssize_t written = ::write(file.get(), text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, std::strerror(errno));
    done += static_cast<std::size_t>(written);
  }
  if (::fsync(file.get()) != 0) fail(path, std::strerror(errno));
}

}  // namespace

std::optional<GroupState> read_state(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    fail(path, std::strerror(errno));
  }
  std::string line;
  if (!std::getline(file, line) || line != kFirstLine) fail(path, "is not one of this version");
  GroupState state;
  bool whole = false;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    std::string text;
    words >> key;
    if (key == "seen" && words >> state.seen.value) continue;
    if (key == "epoch" && words >> state.view.epoch.value) continue;
    if (key == "primary" && words >> state.view.primary) continue;
    if (key == "in_sync" && words >> text) {
      state.view.in_sync.push_back(text);
      continue;
    }
    if (key != "end") fail(path, "has a line that makes no sense: " + line);
    whole = true;
  }
  if (!whole) fail(path, "is cut off");
  return state;
}

void write_state(const std::string& path, const GroupState& state) {
  std::string text = std::string(kFirstLine) + "\nseen " + std::to_string(state.seen.value) + "\nepoch " +
                     std::to_string(state.view.epoch.value) + "\n";
  if (!state.view.primary.empty()) text += "primary " + state.view.primary + "\n";
  for (const std::string& address : state.view.in_sync) text += "in_sync " + address + "\n";
  text += "end\n";
  const std::string next = path + ".next";
  write_whole(next, text);
  if (::rename(next.c_str(), path.c_str()) != 0) fail(path, std::strerror(errno));
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const replication::Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) fail(folder, std::strerror(errno));
}

}  // namespace lmc::group
