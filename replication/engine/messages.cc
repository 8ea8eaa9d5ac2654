#include "replication/engine/messages.h"

#include <algorithm>
#include <sstream>

namespace lmc::replication {

namespace {
constexpr std::string_view kNone = "none";
}

bool GroupView::in_set(const std::string& address) const {
  return std::find(in_sync.begin(), in_sync.end(), address) != in_sync.end();
}

std::string or_none(const std::string& text) {
  return text.empty() ? std::string(kNone) : text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return or_none(text);
}

std::string describe_view(const GroupView& view) {
  return "epoch " + std::to_string(view.epoch.value) + " primary " + or_none(view.primary) + " in_sync " +
         joined(view.in_sync);
}

std::optional<GroupView> parse_view(const std::string& text) {
  std::istringstream words(text);
  std::string keys[3];
  std::string backups;
  GroupView view;
  if (!(words >> keys[0] >> view.epoch.value >> keys[1] >> view.primary >> keys[2] >> backups)) return std::nullopt;
  if (keys[0] != "epoch" || keys[1] != "primary" || keys[2] != "in_sync") return std::nullopt;
  if (view.primary == kNone) view.primary.clear();
  if (backups == kNone) return view;
  if (backups.back() == ',') return std::nullopt;
  std::istringstream addresses(backups);
  for (std::string address; std::getline(addresses, address, ',');) {
    if (address.empty()) return std::nullopt;
    view.in_sync.push_back(address);
  }
  return view;
}

}  // namespace lmc::replication
