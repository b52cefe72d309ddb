// SPDX-License-Identifier: Apache-2.0
// As std_pch.h, for libraries that also speak JSON.
#include "base/json/json.h"
#include "base/pch/std_pch.h"
