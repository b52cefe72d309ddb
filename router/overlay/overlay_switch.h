// SPDX-License-Identifier: Apache-2.0
// Which overlay carries the frames of one link. All overlays that both peers know run side by side;
// the best that works is used, and the link fails when none is left. Driven by the data plane.
//
//     each overlay:   alive ──established──▶ alive, established
//                       │  ◀─health bad/good─▶ on hold
//                       └──failed──▶ dead (for the life of the link)
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace weft::overlay {

class OverlaySwitch {
 public:
  // More names than this are not an offer but an attack; the rest is not looked at.
  static constexpr std::size_t kOverlaysMax = 16;

  // The overlays that both have, each once, in the order that numbers them on the wire. Go peers
  // number them by their own preference, which is always fastdp before sleeve; so the order is
  // fixed: swift, fastdp, sleeve, then anything else by name, whatever the two sides prefer.
  static std::vector<std::string> common(const std::vector<std::string>& ours,
                                         const std::vector<std::string>& theirs);

  explicit OverlaySwitch(std::vector<std::string> common);

  std::size_t size() const { return overlays_.size(); }
  const std::string& name(std::size_t index) const { return overlays_[index].name; }
  bool alive(std::size_t index) const { return overlays_[index].alive; }
  // The number of `name` on the wire.
  std::optional<std::size_t> find(const std::string& name) const;

  // True if the link thereby becomes established, which happens once.
  bool on_established(std::size_t index);
  void on_failed(std::size_t index);
  void on_health(std::size_t index, bool healthy);

  // First that is alive, not on hold and established; else first alive and not on hold. None: the
  // link has no working overlay.
  std::optional<std::size_t> best() const;
  bool established() const { return established_; }

 private:
  struct Overlay {
    std::string name;
    bool alive = true;
    bool established = false;
    bool on_hold = false;
  };

  std::vector<Overlay> overlays_;
  bool established_ = false;
};

}  // namespace weft::overlay
