// Giving back what is left when its device is gone. The libraries' functions are replaced in this binary: they fail as
// they do then, but for a device that can still be asked.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "replication/fabric/verbs/handles.h"

namespace {
ibv_context device_that_is_gone;
}

extern "C" {
int ibv_dealloc_pd(ibv_pd*) {
  return EIO;
}
int ibv_destroy_comp_channel(ibv_comp_channel*) {
  return EBUSY;
}
int ibv_destroy_cq(ibv_cq*) {
  return EIO;
}
int ibv_dereg_mr(ibv_mr*) {
  return EIO;
}
int rdma_destroy_id(rdma_cm_id*) {
  errno = EIO;
  return -1;
}
int ibv_query_device(ibv_context* device, ibv_device_attr*) {
  return device == &device_that_is_gone ? EIO : 0;
}
}

namespace lmc::replication::verbs {
namespace {

TEST_CASE("what cannot be given back because its device is gone ends nothing") {
  rdma_cm_id id{};
  ibv_pd domain{};
  ibv_comp_channel channel{};
  channel.context = &device_that_is_gone;
  ibv_cq queue{};
  ibv_mr region{};
  CmId(&id).reset();
  ProtectionDomain(&domain).reset();
  CompletionChannel(&channel).reset();
  CompletionQueue(&queue).reset();
  MemoryRegion(&region).reset();
}

TEST_CASE("a completion channel that is given back before its queue ends the process") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    (void)std::signal(SIGABRT, SIG_DFL);  // and not Catch2's
    ibv_context device{};
    ibv_comp_channel channel{};
    channel.context = &device;
    CompletionChannel(&channel).reset();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

}  // namespace
}  // namespace lmc::replication::verbs
