// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/guarding.h"

#include <algorithm>
#include <cerrno>

#include "router/linux/pod_guard.h"

namespace weft::cni {

namespace {

namespace net = linux_net;

// Each record's guard, with the addresses of its container's other interfaces.
std::vector<net::PodGuard> effective(const std::vector<AttachmentRecord>& records) {
  std::vector<net::PodGuard> out;
  for (const AttachmentRecord& record : records) {
    if (!record.guard) continue;
    net::PodGuard guard = *record.guard;
    for (const AttachmentRecord& other : records) {
      const bool same = other.attachment.first == record.attachment.first;
      if (!same || !other.guard || other.attachment == record.attachment) continue;
      guard.addresses.insert(guard.addresses.end(), other.guard->addresses.begin(),
                             other.guard->addresses.end());
    }
    std::sort(guard.addresses.begin(), guard.addresses.end());
    guard.addresses.erase(std::unique(guard.addresses.begin(), guard.addresses.end()),
                          guard.addresses.end());
    out.push_back(std::move(guard));
  }
  return out;
}

Fault refused(const std::string& doing, const Error& error, const std::string& said) {
  return {FaultCode::plumbing, doing + ": " + to_string(error),
          (said.empty() ? "" : said + "; ") +
              "the kernel needs nf_tables with the bridge family, or \"antiSpoofing\": false in "
              "the network configuration"};
}

bool impossible_here(const Error& error) {
  return error.sys_errno == EOPNOTSUPP;
}

}  // namespace

Outcome<> guard_container(const Call& call, const AttachmentRecord* own) {
  const std::string doing = "setting the rules against spoofing";
  auto records = call.state.attachments_of(call.env.container_id);
  if (own != nullptr) {
    std::erase_if(records, [&](const auto& r) { return r.attachment == own->attachment; });
    records.push_back(*own);
  }
  const auto guards = effective(records);
  if (guards.empty()) return {};
  auto nft = net::Nft::open();
  if (!nft) return refused(doing, nft.error(), "");
  for (const net::PodGuard& guard : guards) {
    auto set = net::guard_pod(*nft, guard, [&] { return effective(call.state.attachments()); });
    if (!set) return refused(doing, set.error(), nft->last_message());
  }
  return {};
}

Outcome<> leave_unguarded(const std::string& host_link) {
  auto nft = net::Nft::open();
  auto gone = nft ? net::unguard_pod(*nft, host_link) : Result<bool>(nft.error());
  if (gone || impossible_here(gone.error())) return {};
  return refused("removing the rules against spoofing", gone.error(),
                 nft ? nft->last_message() : "");
}

Outcome<> sweep_guards() {
  auto nft = net::Nft::open();
  auto swept = nft ? net::sweep_guards(*nft) : Result<>(nft.error());
  if (!swept && !impossible_here(swept.error())) {
    return Fault{FaultCode::try_again,
                 "removing the rules against spoofing: " + to_string(swept.error()),
                 nft ? nft->last_message() : ""};
  }
  return {};
}

Outcome<> check_guard(const Call& call, const AttachmentRecord& record, MacAddr mac) {
  const std::string rules = "the rules against spoofing of " + record.host_link;
  const std::string cure = "delete the container's sandbox, to have it made anew";
  auto nft = net::Nft::open();
  auto table = nft ? net::list_guards(*nft) : Result<net::GuardTable>(nft.error());
  if (!table) return Fault{FaultCode::try_again, rules + ": " + to_string(table.error()), ""};
  const net::PodGuard* found = table->find(record.host_link);
  if (found == nullptr || !table->intact) {
    return Fault{FaultCode::mismatch, rules + " are gone", cure};
  }
  const auto expected = effective(call.state.attachments_of(call.env.container_id));
  const bool as_recorded = std::find(expected.begin(), expected.end(), *found) != expected.end();
  if (found->mac == mac && as_recorded) return {};
  return Fault{FaultCode::mismatch, rules + " let something else through", cure};
}

}  // namespace weft::cni
