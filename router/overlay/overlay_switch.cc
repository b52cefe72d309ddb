// SPDX-License-Identifier: Apache-2.0
#include "router/overlay/overlay_switch.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

namespace weft::overlay {
namespace {

// Where a name stands in the numbering; names not listed share the last rank.
std::size_t rank(std::string_view name) {
  constexpr std::array<std::string_view, 3> kOrder{"swift", "fastdp", "sleeve"};
  return static_cast<std::size_t>(std::ranges::find(kOrder, name) - kOrder.begin());
}

bool comes_before(const std::string& a, const std::string& b) {
  return std::pair(rank(a), std::string_view(a)) < std::pair(rank(b), std::string_view(b));
}

}  // namespace

std::vector<std::string> OverlaySwitch::common(const std::vector<std::string>& ours,
                                               const std::vector<std::string>& theirs) {
  const auto looked_at = std::span(theirs).first(std::min(theirs.size(), kOverlaysMax));
  std::vector<std::string> both;
  for (const std::string& name : ours) {
    if (std::ranges::find(looked_at, name) != looked_at.end()) both.push_back(name);
  }
  std::ranges::sort(both, comes_before);
  both.erase(std::unique(both.begin(), both.end()), both.end());
  return both;
}

OverlaySwitch::OverlaySwitch(std::vector<std::string> common) {
  for (std::string& name : common)
    overlays_.push_back({.name = std::move(name)});
}

std::optional<std::size_t> OverlaySwitch::find(const std::string& name) const {
  for (std::size_t i = 0; i < overlays_.size(); ++i) {
    if (overlays_[i].name == name) return i;
  }
  return std::nullopt;
}

bool OverlaySwitch::on_established(std::size_t index) {
  if (!overlays_[index].alive) return false;
  overlays_[index].established = true;
  return !std::exchange(established_, true);
}

void OverlaySwitch::on_failed(std::size_t index) {
  overlays_[index].alive = false;
}

void OverlaySwitch::on_health(std::size_t index, bool healthy) {
  overlays_[index].on_hold = !healthy;
}

std::optional<std::size_t> OverlaySwitch::best() const {
  std::optional<std::size_t> usable;
  for (std::size_t i = 0; i < overlays_.size(); ++i) {
    const Overlay& o = overlays_[i];
    if (!o.alive || o.on_hold) continue;
    if (o.established) return i;
    if (!usable) usable = i;
  }
  return usable;
}

}  // namespace weft::overlay
