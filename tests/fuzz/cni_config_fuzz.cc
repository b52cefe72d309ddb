// SPDX-License-Identifier: Apache-2.0
// A network configuration on the plugin's stdin: whatever is accepted is within its limits, and a
// result that was read is the same after it was written in any version that can hold it.

#include "base/ensure.h"
#include "base/json/json.h"
#include "plugin/cni/core/config.h"
#include "plugin/cni/core/plan.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::cni;

namespace {

void check_result(const CniResult& result) {
  for (SpecVersion version : kSpecVersions) {
    auto again = parse_result(to_json(result, version), "");
    ensure(bool(again), "a result that was written is not read");
    const bool whole = version == kNewestVersion;
    ensure(!whole || *again == result, "a result changes when written");
    ensure(!print(to_json(result, version)).empty(), "nothing is printed");
  }
}

void check_conf(const NetConf& conf, const Environment& env) {
  ensure(conf.mtu >= 0 && conf.mtu <= 65535, "an MTU that no frame can have");
  ensure(valid_interface_name(conf.bridge), "a bridge that cannot exist");
  ensure(valid_interface_name(interface_name(conf, env)), "an interface that cannot exist");
  if (conf.prev_result) check_result(*conf.prev_result);
  const IpamOutcome ipam = built_in_outcome(conf, {*Cidr::parse("10.32.0.5/12")});
  const PodPlan plan = plan_pod(conf, ipam, Ipv4Addr::parse("10.32.0.1"));
  check_result(network_result(conf, ipam, plan, {}));
  check_result(ipam_result(conf, ipam));
  if (conf.prev_result) static_cast<void>(delegated_outcome(*conf.prev_result, "x"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  for (Verb verb : {Verb::add, Verb::gc}) {
    const Environment env{.verb = verb, .container_id = "0123", .ifname = "eth0"};
    auto parsed = parse_config(text, env);
    if (parsed && !parsed->fault) check_conf(parsed->conf, env);
    if (parsed && parsed->fault) ensure(!parsed->fault->msg.empty(), "a fault without words");
    if (!parsed) ensure(!print(to_json(parsed.fault(), kNewestVersion)).empty(), "no fault");
  }
  ensure(version_reply(text).contains("supportedVersions"), "VERSION without versions");
  return 0;
}
