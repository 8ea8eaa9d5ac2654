#include "replication/fabric/verbs/outcome.h"

#include <system_error>

namespace lmc::replication::verbs {

std::string failure_text(Outcome outcome, const Attempt& attempt) {
  std::string text = "cannot ";
  text += attempt.what;
  text += ": ";
  text += std::generic_category().message(outcome.error());
  if (!attempt.remedy.empty()) {
    text += "; ";
    text += attempt.remedy;
  }
  return text;
}

}  // namespace lmc::replication::verbs
