// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/fault.h"

namespace weft::sim {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::crash:
      return "crash";
    case Fault::power_loss:
      return "power_loss";
    case Fault::late_start:
      return "late_start";
    case Fault::partition:
      return "partition";
    case Fault::cut:
      return "cut";
    case Fault::one_way:
      return "one_way";
    case Fault::hidden:
      return "hidden";
    case Fault::broken_link:
      return "broken_link";
    case Fault::slow_link:
      return "slow_link";
    case Fault::no_overlay:
      return "no_overlay";
    case Fault::connect:
      return "connect";
    case Fault::forget:
      return "forget";
    case Fault::claim:
      return "claim";
    case Fault::cancel:
      return "cancel";
    case Fault::lost_disk:
      return "lost_disk";
    case Fault::renamed:
      return "renamed";
    case Fault::old_disk:
      return "old_disk";
    case Fault::shared_name:
      return "shared_name";
    case Fault::rmpeer:
      return "rmpeer";
    case Fault::reset:
      return "reset";
  }
  return "";
}

}  // namespace weft::sim
