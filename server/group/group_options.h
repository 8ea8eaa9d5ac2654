// What the command line says about replication.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "replication/engine/surroundings.h"

namespace lmc::group {

enum class StartAs : std::uint8_t { kAlone, kPrimary, kBackup };

struct GroupOptions {
  StartAs role = StartAs::kAlone;  // (--role) kAlone: not replicated
  std::string listen;              // (--replication-listen) "host:port"
  std::string address;             // (--replication-address) as the others reach it; empty: where it listens
  std::string primary;             // (--primary) a backup's
  std::string secret_file;         // (--group-secret-file)
  std::string state_file;          // (--group-state-file) empty: nothing is remembered over a restart
  std::string fabric = "auto";     // (--fabric)
  replication::Ack ack = replication::Ack::kAll;  // (--ack)
  bool read_only = false;                         // (--read-only, --no-forward) a backup refuses what changes state
  std::chrono::milliseconds timeout{1000};        // (--replication-timeout) the lease's term
  int type_of_service = 0;                        // (--replication-tos)
  int verbs_ack_timeout = 14;                     // (--verbs-ack-timeout) 4.096 us * 2^n; 0: the device's
  int verbs_retries = 6;                          // (--verbs-retries)
  bool operator==(const GroupOptions&) const = default;
};

}  // namespace lmc::group
