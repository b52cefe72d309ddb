// SPDX-License-Identifier: Apache-2.0
#include "router/linux/internal/settings.h"

#include <array>
#include <string>
#include <utility>

#include "router/linux/sysctl.h"

namespace weft::linux_net {
namespace {

using Setting = std::pair<std::string_view, std::string_view>;

template <std::size_t N>
Result<> write_all(const std::string& folder, const std::array<Setting, N>& settings) {
  for (const Setting& setting : settings) {
    const auto done = write_sysctl(folder + std::string(setting.first), setting.second);
    if (!done) return done.error();
  }
  return {};
}

}  // namespace

Result<> refuse_router_advertisements(std::string_view link) {
  constexpr std::array kSettings{Setting{"accept_ra", "0"}, Setting{"accept_redirects", "0"}};
  return write_all("net/ipv6/conf/" + std::string(link) + "/", kSettings);
}

Result<> quicken_arp(std::string_view link) {
  // Seconds, seconds, probes: Weave's values.
  constexpr std::array kSettings{Setting{"base_reachable_time", "5"},
                                 Setting{"delay_first_probe_time", "2"},
                                 Setting{"ucast_solicit", "1"}};
  return write_all("net/ipv4/neigh/" + std::string(link) + "/", kSettings);
}

Result<> keep_other_addresses(std::string_view link) {
  constexpr std::array kSettings{Setting{"promote_secondaries", "1"}};
  return write_all("net/ipv4/conf/" + std::string(link) + "/", kSettings);
}

}  // namespace weft::linux_net
