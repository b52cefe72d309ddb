// SPDX-License-Identifier: Apache-2.0
// GC and STATUS. GC removes every attachment that our records hold for this network and the
// runtime does not list; one that fails does not keep the others from being removed.
#include "plugin/cni/core/naming.h"
#include "plugin/cni/delegate.h"
#include "plugin/cni/guarding.h"
#include "plugin/cni/verbs.h"
#include "router/linux/link.h"

namespace weft::cni {

namespace {

namespace net = linux_net;

Outcome<> collect(const Call& call, const AttachmentRecord& record, const Deadline& deadline) {
  if (!record.guest_link.empty()) {
    // By the host's end alone: the namespace's path may lead to another container by now.
    if (auto ok = unplug(call, record, ""); !ok) return ok;
  }
  if (!record.ident.empty()) {
    if (auto ok = release_or_queue(call, record.ident, deadline); !ok) return ok;
  }
  call.state.forget(record.attachment);
  call.note("GC removed " + file_name_of(record.attachment));
  return {};
}

// A delegate older than the verb has nothing to collect, and says so in various ways.
bool does_not_know_verb(const Fault& fault) {
  return fault.code == FaultCode::incompatible_version ||
         fault.msg.find("unknown CNI_COMMAND") != std::string::npos;
}

Outcome<> ask_delegate(const Call& call, Duration timeout) {
  if (call.role != Role::network || !call.conf.ipam.delegated()) return {};
  const Delegate delegate(call.env, call.conf.ipam.type, call.config_text);
  auto ok = delegate.call(call.env.verb, timeout);
  if (!ok && !does_not_know_verb(ok.fault())) return ok.fault();
  return {};
}

}  // namespace

Outcome<> gc(const Call& call) {
  if (!call.conf.valid_attachments) {
    return Fault{FaultCode::bad_config, "GC needs cni.dev/valid-attachments",
                 "without it every container would be cut off"};
  }
  const Deadline deadline(call.timeouts.del_total);
  std::optional<Fault> first;
  auto keep_first = [&](const Outcome<>& outcome) {
    if (!outcome && !first) first = outcome.fault();
  };
  for (const AttachmentRecord& record : call.state.attachments()) {
    const bool mine =
        record.network == call.conf.name && record.guest_link.empty() == (call.role == Role::ipam);
    if (!mine || call.conf.valid_attachments->contains(record.attachment)) continue;
    keep_first(collect(call, record, deadline));
  }
  if (call.role == Role::network) keep_first(sweep_guards());
  keep_first(ask_delegate(call, deadline.left(call.timeouts.delegate)));
  catch_up(call);
  call.state.sweep();
  if (first) return *first;
  return {};
}

Outcome<> status(const Call& call) {
  const Deadline deadline(call.timeouts.status_total);
  if (call.role == Role::network) {
    auto nl = net::Netlink::open();
    auto bridge = nl ? net::find_link(*nl, call.conf.bridge) : Result<net::Link>(nl.error());
    if (!bridge) {
      return Fault{FaultCode::limited,
                   "the bridge " + call.conf.bridge + ": " + to_string(bridge.error()),
                   "weaver makes it: is it running?"};
    }
  }
  const bool needs_daemon = call.role == Role::ipam || !call.conf.ipam.delegated();
  if (needs_daemon) {
    if (auto ok = call.client(deadline).ready(); !ok) return ok;
  }
  return ask_delegate(call, deadline.left(call.timeouts.status_total));
}

}  // namespace weft::cni
