// SPDX-License-Identifier: Apache-2.0
// Runs another CNI plugin with the configuration we were given, as the specification's
// "Delegated Plugin Execution" says.
#pragma once

#include <string>
#include <string_view>

#include "plugin/cni/core/config.h"
#include "plugin/cni/deadline.h"

namespace weft::cni {

class Delegate {
 public:
  // All outlive this. `plugin` is looked for in env.path.
  Delegate(const Environment& env, std::string plugin, std::string_view config_text)
      : env_(env), plugin_(std::move(plugin)), config_text_(config_text) {}

  // ADD: what it printed.
  Outcome<CniResult> add(Duration timeout) const;
  // The other verbs print nothing.
  Outcome<> call(Verb verb, Duration timeout) const;

 private:
  Outcome<std::string> run(Verb verb, Duration timeout) const;

  const Environment& env_;
  std::string plugin_;
  std::string_view config_text_;
};

}  // namespace weft::cni
