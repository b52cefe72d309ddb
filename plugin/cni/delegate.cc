// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/delegate.h"

#include <unistd.h>

#include "base/json/json.h"
#include "base/text.h"
#include "router/process/child.h"

namespace weft::cni {

namespace {

// Our own environment with another verb: a delegate is told what we were told.
std::vector<std::string> environment_for(Verb verb) {
  constexpr std::string_view kCommand = "CNI_COMMAND=";
  std::vector<std::string> out{std::string(kCommand) + std::string(text(verb))};
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    if (!std::string_view(*at).starts_with(kCommand)) out.emplace_back(*at);
  }
  return out;
}

// The error object that a failed plugin printed, with its code; or one that we make.
Fault failure_of(const std::string& plugin, const process::ChildEnd& end) {
  auto json = parse_object(end.out, "");
  std::optional<Fault> ignored;
  if (json) {
    Fields fields(*json, "", ignored);
    constexpr int kCodeMax = 1 << 20;
    auto code = fields.number("code", 1, kCodeMax);
    if (code) {
      return {static_cast<FaultCode>(*code), "IPAM plugin " + plugin + ": " + fields.text("msg"),
              fields.text("details")};
    }
  }
  return {FaultCode::delegate,
          "IPAM plugin " + plugin + " failed with exit code " + std::to_string(end.exit_code),
          std::string(trim(end.out))};
}

}  // namespace

Outcome<std::string> Delegate::run(Verb verb, Duration timeout) const {
  auto program = process::find_program(env_.path, plugin_);
  if (!program) {
    return Fault{FaultCode::delegate, "IPAM plugin " + plugin_ + " is not in CNI_PATH",
                 "searched: " + join(env_.path, ":") + "; install it there or correct ipam.type"};
  }
  auto end = process::run_child({.program = *program,
                                 .arguments = {},
                                 .environment = environment_for(verb),
                                 .input = std::string(config_text_),
                                 .timeout = timeout,
                                 .output_max = kJsonTextMax,
                                 .capture_stderr = false});
  if (!end) {
    return Fault{FaultCode::try_again, "IPAM plugin " + plugin_ + ": " + to_string(end.error()),
                 *program};
  }
  if (end->exit_code != 0) return failure_of(plugin_, *end);
  return std::move(end->out);
}

Outcome<CniResult> Delegate::add(Duration timeout) const {
  auto out = run(Verb::add, timeout);
  if (!out) return out.fault();
  auto json = parse_object(*out, "IPAM plugin " + plugin_ + ": its result");
  auto result = json ? parse_result(*json, "result.") : Outcome<CniResult>(json.fault());
  if (result) return result;
  return Fault{FaultCode::delegate, "IPAM plugin " + plugin_ + ": " + result.fault().msg, ""};
}

Outcome<> Delegate::call(Verb verb, Duration timeout) const {
  auto out = run(verb, timeout);
  if (!out) return out.fault();
  return {};
}

}  // namespace weft::cni
