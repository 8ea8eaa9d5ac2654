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
#include <string>
#include <vector>

#include "replication/control/control_net.h"
#include "replication/engine/messages.h"
#include "server/group/event_reactor.h"

namespace lmc::lmcctl {
namespace {

namespace po = boost::program_options;

constexpr int kRefused = 1;
constexpr int kNotReached = 2;
constexpr int kUsage = 64;

class Conversation final : public replication::PeerObserver {
 public:
  Conversation(group::EventReactor& reactor, const replication::GroupSecret& secret, const std::string& address,
               std::string command, std::chrono::milliseconds patience)
      : reactor_(reactor),
        command_(std::move(command)),
        timeout_(reactor.timer([this] { end(kNotReached, "no answer in time"); })),
        peer_(replication::ControlNet(reactor, secret).connect(address, *this)) {
    timeout_->set(patience);
  }
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  void on_up() override {
    if (!peer_->send(replication::encode_message(replication::Command{command_}))) end(kNotReached, "not sent");
  }
  void on_message(std::string_view message) override {
    const auto answer = replication::decode_message<replication::Answer>(message);
    if (!answer) return end(kNotReached, "an answer that makes no sense");
    if (!answer->ok) return end(kRefused, answer->text);
    std::fputs(answer->text.c_str(), stdout);
    if (!answer->text.ends_with('\n')) std::fputs("\n", stdout);
    end(0, "");
  }
  void on_down(std::string_view cause, bool) override { end(kNotReached, std::string(cause)); }
  void end(int code, const std::string& complaint) {
    if (!complaint.empty()) std::fprintf(stderr, "lmcctl: %s\n", complaint.c_str());
    exit_code_ = code;
    peer_->close();
    reactor_.stop();
  }

  group::EventReactor& reactor_;
  std::string command_;
  int exit_code_ = kNotReached;
  std::unique_ptr<replication::Timer> timeout_;
  std::unique_ptr<replication::Peer> peer_;
};

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
  if (given.contains("help") || !complete) {
    std::cout << visible
              << "\nADDRESS is that of the node's replication listener. Commands:\n"
                 "  status                 role, epoch, in-sync set, how far each backup is\n"
                 "  promote [force]        this backup becomes the primary\n"
                 "  demote                 this primary stops, when its backups have everything\n"
                 "  fence EPOCH            nothing of an older epoch may change anything there any more\n"
                 "  follow EPOCH ADDRESS   the primary of that epoch is there: be its backup\n"
                 "  add ADDRESS            to a primary: take that node in\n"
                 "  remove ADDRESS         to a primary: let that node go\n";
    return given.contains("help") ? 0 : kUsage;
  }
  const auto words = given["words"].as<std::vector<std::string>>();
  std::string command;
  for (std::size_t i = 1; i < words.size(); ++i) command += (i == 1 ? "" : " ") + words[i];
  const auto secret = replication::GroupSecret::load(given["group-secret-file"].as<std::string>());
  group::EventReactor reactor([] {});
  const Conversation conversation(reactor, secret, words[0], command,
                                  std::chrono::milliseconds(given["timeout"].as<unsigned>()));
  reactor.run();
  return conversation.exit_code();
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
