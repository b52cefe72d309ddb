// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/ipam_check.h"

#include <algorithm>
#include <map>
#include <set>

#include "router/daemon/words.h"

namespace weft::daemon {
namespace {

using linux_net::LivingAddress;

// Under these words an address is filed whose holder is not known.
bool filed_under_itself(const std::string& ident, Cidr address) {
  return ident == address.addr().text();
}

std::string place_of(const LivingAddress& at) {
  return at.interface + " in " + at.netns;
}

class Comparison {
 public:
  explicit Comparison(const IpamCheckInput& in) : in_(in) {}

  IpamCheckReport run() {
    out_.complete = in_.living != nullptr && in_.living->ports_unseen == 0;
    look_at_strays();
    look_at_store();
    if (in_.living != nullptr) look_at_living();
    if (out_.complete) look_for_leaks();
    for (const auto& [ident, owned] : in_.owned)
      out_.held += count_inside(owned.addresses);
    return std::move(out_);
  }

 private:
  void add(IpamFault fault, std::string ident, std::string address, std::string text) {
    out_.findings.push_back({.fault = fault,
                             .ident = std::move(ident),
                             .address = std::move(address),
                             .text = std::move(text)});
  }

  std::size_t count_inside(const std::vector<Cidr>& addresses) const {
    return static_cast<std::size_t>(std::count_if(
        addresses.begin(), addresses.end(), [&](Cidr a) { return in_.range.contains(a.addr()); }));
  }

  void look_at_strays() {
    for (const ipam::StrayStatus& stray : in_.strays) {
      add(IpamFault::stray, stray.ident, stray.address.text(),
          printable(stray.ident) + " holds " + stray.address.text() + ", whose range " +
              (stray.owner ? stray.owner->text() + " owns" : "nobody owns") +
              "; it is asked for, and if it is not given, restart " + printable(stray.ident));
    }
  }

  void look_at_store() {
    if (!in_.ring_as_stored) {
      add(IpamFault::not_stored, "", "", "the ring in the state file is not the ring in use");
    }
    std::set<std::string> idents;
    for (const auto* table : {&in_.owned, &in_.stored}) {
      for (const auto& [ident, owned] : *table)
        idents.insert(ident);
    }
    for (const std::string& ident : idents) {
      auto held = in_.owned.find(ident);
      auto stored = in_.stored.find(ident);
      bool both = held != in_.owned.end() && stored != in_.stored.end();
      if (both && held->second == stored->second) continue;
      add(IpamFault::not_stored, ident, "",
          "the addresses of " + printable(ident) + " in the state file are not those in use");
    }
  }

  void look_at_living() {
    std::map<Ipv4Addr, const LivingAddress*> first;
    std::set<Ipv4Addr> held;
    for (const auto& [ident, owned] : in_.owned) {
      for (Cidr address : owned.addresses)
        held.insert(address.addr());
    }
    for (const LivingAddress& at : in_.living->addresses) {
      if (!at.plugged || !in_.range.contains(at.address.addr())) continue;
      ++out_.living;
      auto [known, fresh] = first.emplace(at.address.addr(), &at);
      const std::string address = at.address.text();
      if (!fresh) {
        add(IpamFault::duplicate, at.netns, address,
            address + " is on " + place_of(*known->second) + " and on " + place_of(at) +
                "; restart one of the two containers");
      } else if (!held.contains(at.address.addr())) {
        add(IpamFault::unrecorded, at.netns, address,
            address + " is on " + place_of(at) + ", but nobody is recorded to hold it");
      }
    }
  }

  // An address anywhere on this host is in use, though it be on another bridge than ours.
  void look_for_leaks() {
    std::set<Ipv4Addr> alive;
    for (const LivingAddress& at : in_.living->addresses)
      alive.insert(at.address.addr());
    for (const auto& [ident, owned] : in_.owned) {
      for (Cidr address : owned.addresses) {
        if (!in_.range.contains(address.addr()) || alive.contains(address.addr())) continue;
        const std::string holder =
            filed_under_itself(ident, address) ? "somebody unknown" : printable(ident);
        add(IpamFault::leaked, ident, address.text(),
            holder + " holds " + address.text() + ", which is on no interface of this host");
      }
    }
  }

  const IpamCheckInput& in_;
  IpamCheckReport out_;
};

}  // namespace

std::string_view to_string(IpamFault fault) {
  switch (fault) {
    case IpamFault::stray:
      return "stray";
    case IpamFault::leaked:
      return "leaked";
    case IpamFault::unrecorded:
      return "unrecorded";
    case IpamFault::duplicate:
      return "duplicate";
    case IpamFault::not_stored:
      return "not-stored";
  }
  return "unknown";
}

IpamCheckReport compare_ipam(const IpamCheckInput& input) {
  return Comparison(input).run();
}

nlohmann::ordered_json ipam_check_json(const IpamCheckReport& report) {
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  bool clean = true;
  for (const IpamFinding& finding : report.findings) {
    clean = clean && finding.fixed;
    findings.push_back({{"fault", to_string(finding.fault)},
                        {"ident", printable(finding.ident)},
                        {"address", finding.address},
                        {"text", finding.text},
                        {"fixed", finding.fixed}});
  }
  return {{"clean", clean},
          {"complete", report.complete},
          {"held", report.held},
          {"living", report.living},
          {"findings", std::move(findings)}};
}

}  // namespace weft::daemon
