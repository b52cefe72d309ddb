// SPDX-License-Identifier: Apache-2.0
// The end of a history: the faults stop, hosts come back, operators mend by the documented commands
// what cannot mend itself, and then everything must be as it should.
#pragma once

#include "tests/sim/history.h"

namespace weft::sim {

// Notes in the report what was mended, how long it took, and what went wrong.
void recover(World& world, Report& report);

}  // namespace weft::sim
