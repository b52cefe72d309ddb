// SPDX-License-Identifier: Apache-2.0
// DEL: link first, then address, so that no address is free while a container still uses it.
// Whatever is gone already is a success; what the daemon cannot be told now is queued on disk.
#include "plugin/cni/core/naming.h"
#include "plugin/cni/core/plan.h"
#include "plugin/cni/delegate.h"
#include "plugin/cni/guarding.h"
#include "plugin/cni/verbs.h"
#include "router/linux/link.h"
#include "router/linux/netns.h"
#include "router/linux/pod_link.h"

namespace weft::cni {

namespace {

namespace net = linux_net;

Fault unplug_fault(const std::string& link, const Error& error) {
  return {FaultCode::try_again, "removing " + link + ": " + to_string(error),
          "its address is kept until the interface is gone"};
}

// Did an ADD of ours make that interface? Without a record, only a port of our bridge is ours.
bool is_ours(const Call& call, const std::optional<AttachmentRecord>& record,
             const std::string& netns, const std::string& ifname) {
  if (record) return true;
  auto interfaces = net::pod_interfaces(netns, call.conf.bridge);
  if (!interfaces) return false;
  for (const net::PodInterface& interface : *interfaces) {
    if (interface.name == ifname) return true;
  }
  return false;
}

// Is the namespace there, and not the host's own, whose interfaces must not be touched?
bool is_container(const std::string& netns) {
  if (netns.empty()) return false;
  auto ns = net::NetNs::open(netns);
  auto own = net::NetNs::current();
  return ns && own && !ns->same_as(*own);
}

// Is that name another container's by now? Ours may have gone with its namespace long ago.
bool is_anothers(const Call& call, const Attachment& ours, const std::string& host_link) {
  for (const AttachmentRecord& record : call.state.attachments()) {
    if (record.host_link == host_link && record.attachment != ours) return true;
  }
  return false;
}

}  // namespace

Outcome<> unplug(const Call& call, const std::optional<AttachmentRecord>& record,
                 const std::string& netns) {
  const std::string guest = record ? record->guest_link : interface_name(call.conf, call.env);
  const bool present = is_container(netns);
  if (present && is_ours(call, record, netns, guest)) {
    auto gone = net::detach_pod(netns, guest);
    if (!gone) return unplug_fault(guest, gone.error());
  }
  // The other end goes with it, but for a namespace that somebody keeps alive out of our sight.
  if (present && !record) return {};
  const std::string host = record ? record->host_link : host_link_of(call.attachment());
  auto nl = net::Netlink::open();
  if (!nl) return unplug_fault(host, nl.error());
  if (!net::find_link(*nl, host)) return {};
  if (is_anothers(call, record ? record->attachment : call.attachment(), host)) return {};
  auto gone = net::delete_link_if_present(*nl, host);
  if (!gone) return unplug_fault(host, gone.error());
  return {};
}

Outcome<> release_or_queue(const Call& call, const std::string& ident, const Deadline& deadline) {
  auto released = call.client(deadline).release(ident);
  if (released) return {};
  if (call.state.queue_release(ident)) {
    call.note("the release of " + ident + " waits for the daemon: " + released.fault().msg);
    return {};
  }
  return Fault{FaultCode::try_again,
               released.fault().msg + "; and the release of " + ident + " could not be queued",
               "make the state directory writable, or start weaver"};
}

void catch_up(const Call& call) {
  const Deadline deadline(call.timeouts.catch_up);
  call.state.catch_up([&](const std::string& ident) {
    if (deadline.passed()) return StateDir::Released::stop;
    auto released = call.client(deadline).release(ident);
    if (released) return StateDir::Released::yes;
    return released.fault().code == FaultCode::address ? StateDir::Released::not_this_one
                                                       : StateDir::Released::stop;
  });
}

Outcome<> del(const Call& call) {
  const Deadline deadline(call.timeouts.del_total);
  const auto record = call.state.recall(call.attachment());
  const bool has_links = record ? !record->guest_link.empty() : call.role == Role::network;
  if (call.role == Role::network && has_links) {
    if (auto ok = unplug(call, record, call.env.netns); !ok) return ok.fault();
    if (auto ok = sweep_guards(); !ok) return ok.fault();
  }
  const bool delegated = call.role == Role::network && call.conf.ipam.delegated();
  Outcome<> by_delegate;
  if (delegated) {
    const Delegate delegate(call.env, call.conf.ipam.type, call.config_text);
    by_delegate = delegate.call(Verb::del, deadline.left(call.timeouts.delegate));
  }
  // The record's is ours, whatever the configuration has become since.
  if (!delegated || (record && !record->ident.empty())) {
    auto ok = release_or_queue(call, ident_of(call.attachment()), deadline);
    if (!ok) return ok.fault();
  }
  if (!by_delegate) return by_delegate.fault();
  call.state.forget(call.attachment());
  // Its addresses are no longer to be used on the container's other interfaces.
  if (auto ok = guard_container(call); !ok) call.note(ok.fault().msg);
  catch_up(call);
  return {};
}

}  // namespace weft::cni
