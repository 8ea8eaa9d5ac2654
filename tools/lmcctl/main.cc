// lmcctl: says one command to a node of a group, and shows its answer.
//
//   lmcctl --group-secret-file F ADDRESS status | promote [force] | demote | fence EPOCH | follow EPOCH ADDRESS |
//                                        add ADDRESS | remove ADDRESS
//
// ADDRESS: of the node's replication listener. Exit code: 0 done, 1 refused, 2 not reached, 64 usage.
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/control/control_net.h"
#include "replication/engine/errand.h"
#include "replication/engine/takeover.h"
#include "server/group/event_reactor.h"

namespace lmc::lmcctl {
namespace {

namespace po = boost::program_options;

constexpr int kRefused = 1;
constexpr int kNotReached = 2;
constexpr int kUsage = 64;

// The answer to a fence is for whoever promotes: how far the node's copy goes.
std::string in_words(const std::string& command, const std::string& answer) {
  const auto node = command.starts_with("fence ") ? replication::parse_fenced(answer) : std::nullopt;
  if (!node) return answer;
  if (!node->has_copy) return "fenced; it has no copy of the log";
  return "fenced; its copy goes to entry " + std::to_string(node->position.sequence.value) + " of epoch " +
         std::to_string(node->position.epoch.value);
}

// What came of it, as an exit code; and says so.
int report(const std::string& command, const std::optional<replication::Answer>& answer, std::string_view why_none) {
  if (answer && answer->ok) {
    const std::string text = in_words(command, answer->text);
    std::printf("%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
    return 0;
  }
  const std::string why =
      answer ? answer->text : std::string(why_none) + "; is ADDRESS that of a replication listener?";
  std::fprintf(stderr, "lmcctl: %s\n", why.c_str());
  return answer ? kRefused : kNotReached;
}

int run(int argc, char** argv) {
  po::options_description visible("lmcctl [options] ADDRESS COMMAND [ARGUMENT...]");
  visible.add_options()("help,h", "this")("group-secret-file", po::value<std::string>(), "the group's secret")(
      "timeout", po::value<unsigned>()->default_value(10000), "milliseconds to wait for the answer");
  po::options_description all;
  all.add(visible).add_options()("words", po::value<std::vector<std::string>>());
  po::positional_options_description positions;
  positions.add("words", -1);
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(all).positional(positions).run(), given);
  po::notify(given);
  const bool complete = given.contains("group-secret-file") && given.contains("words") &&
                        given["words"].as<std::vector<std::string>>().size() >= 2;
  if (!given.contains("help") && !complete)
    std::cerr << "lmcctl: say --group-secret-file FILE, a node's ADDRESS and a command\n";
  if (given.contains("help") || !complete) {
    std::cout
        << visible
        << "\nADDRESS is that of the node's replication listener. Commands:\n"
           "  status                 role, epoch, in-sync set, how far each backup is\n"
           "  promote [force]        this backup becomes the primary; force: though it may lack something,\n"
           "                         or, of two primaries of one epoch, this one is to stay\n"
           "  demote                 this primary stops, when its backups have everything\n"
           "  fence EPOCH            nothing of an older epoch may change anything there any more (a coordinator's:\n"
           "                         the node serves nobody until it follows a primary or is promoted)\n"
           "  follow EPOCH ADDRESS   the primary of that epoch is there: be its backup (a coordinator's)\n"
           "  add ADDRESS            to a primary: take that node in\n"
           "  remove ADDRESS         to a primary: let that node go\n";
    return given.contains("help") ? 0 : kUsage;
  }
  const auto words = given["words"].as<std::vector<std::string>>();
  std::string command;
  for (std::size_t i = 1; i < words.size(); ++i) command += (i == 1 ? "" : " ") + words[i];
  const auto secret = replication::GroupSecret::load(given["group-secret-file"].as<std::string>());
  group::EventReactor reactor([] {});
  replication::ControlNet peers(reactor, secret);
  int exit_code = kNotReached;
  const replication::Errand errand(reactor, peers, words[0], command,
                                   std::chrono::milliseconds(given["timeout"].as<unsigned>()),
                                   [&](const auto& answer, std::string_view why_none) {
                                     exit_code = report(command, answer, why_none);
                                     reactor.stop();
                                   });
  reactor.run();
  return exit_code;
}

}  // namespace
}  // namespace lmc::lmcctl

int main(int argc, char** argv) {
  try {
    return lmc::lmcctl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lmcctl: %s\n", error.what());
    return lmc::lmcctl::kUsage;
  }
}
