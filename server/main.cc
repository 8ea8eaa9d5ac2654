// logmemcached: from the command line to a serving process, and back.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/counters.h"
#include "server/commands/watch.h"
#include "server/group/replica.h"
#include "server/net/clock.h"
#include "server/net/log.h"
#include "server/net/network.h"
#include "server/options.h"
#include "server/process.h"
#include "server/store/store.h"

namespace lmc::server {
namespace {

constexpr unsigned kSpareSessions = 8;  // beside the workers'

store::StoreOptions store_options(const commands::Settings& settings, bool replicated,
                                  store::EvictionObserver& evictions, store::UnixSeconds now) {
  return {.memory_bytes = settings.memory_limit_bytes,
          .max_item_bytes = settings.max_item_bytes,
          .evict = settings.evict,
          .memory_file = settings.memory_file,
          .lock_memory = settings.lock_memory,
          .keeps_pages = replicated,
          .large_pages = settings.large_pages,
          .max_sessions = settings.worker_threads + kSpareSessions,
          .evictions = &evictions,
          .now = now};
}

void serve(Options& options) {
  commands::Settings& settings = options.settings;
  if (settings.core_dumps) raise_core_limit();
  raise_file_limit(settings.max_connections, settings.worker_threads);
  switch_user(settings.user);
  std::optional<Daemon> daemon;
  if (settings.daemonize) daemon.emplace();

  const bool replicated = options.group.role != group::StartAs::kAlone;
  net::Clock clock;
  net::Log log(settings.verbosity);
  net::Network network(settings, clock, log);
  std::optional<replication::GroupSecret> secret;  // before clients may come: without it there will be no server
  if (replicated) secret.emplace(replication::GroupSecret::load(options.group.secret_file));
  network.listen(options.listen);  // before the store: whoever has the port may have the memory file too
  std::optional<PidFile> pid_file;
  if (!settings.pid_file.empty()) pid_file.emplace(settings.pid_file);

  commands::WatchHub watch(network, settings.watcher_buffer_bytes);
  commands::EvictionWatch evictions(watch);
  store::Store store(store_options(settings, replicated, evictions, clock.now()));
  log.line(net::LogLevel::kWarning, store.opening_report());
  commands::CounterBoard counters(settings.worker_threads);
  std::optional<group::Replica> replica;
  if (replicated)
    replica.emplace(options.group, std::move(*secret), store, network, clock, log, settings.worker_threads);
  if (replica.has_value()) replica->begin();
  network.start(store, counters, watch, replica.has_value() ? &*replica : nullptr);
  if (replica.has_value()) replica->start();
  if (daemon.has_value()) daemon->ready(settings.core_dumps, settings.verbosity > 0);

  const commands::Shutdown how = network.run();
  log.line(net::LogLevel::kWarning, how == commands::Shutdown::kGraceful ? "Gracefully stopping" : "Exiting normally");
  store.interrupt_waits(true);  // for what only the replica could bring about
  if (replica.has_value()) replica->stop();
  network.stop();
}

int run(int argc, char** argv) {
  fill_standard_descriptors();
  Options options;
  const char* port_file = std::getenv("MEMCACHED_PORT_FILENAME");
  parse_options(std::vector<std::string>(argv + 1, argv + argc), port_file != nullptr ? port_file : "", options);
  switch (options.wish) {
    case Options::Wish::kHelp:
      std::fputs(help_text().c_str(), stdout);
      return EXIT_SUCCESS;
    case Options::Wish::kVersion:
      std::fputs(version_text().c_str(), stdout);
      return EXIT_SUCCESS;
    case Options::Wish::kLicense:
      std::fputs(license_text().c_str(), stdout);
      return EXIT_SUCCESS;
    case Options::Wish::kServe:
      break;
  }
  for (const std::string& warning : options.warnings) std::fprintf(stderr, "%s\n", warning.c_str());
  std::signal(SIGPIPE, SIG_IGN);
  serve(options);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace lmc::server

int main(int argc, char** argv) {
  using namespace lmc::server;
  try {
    return run(argc, argv);
  } catch (const OptionError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  } catch (const StartupError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return kExitSystem;
  }
}
