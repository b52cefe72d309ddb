// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/internal/channel.h"

#include <algorithm>
#include <cstring>

#include "router/packet/headers.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {
namespace {

// RFC 791: what every path carries. A smaller claim is not believed.
constexpr int kPathMtuMin = 576;
constexpr int kPathMtuMax = static_cast<int>(kDatagramMax + kIpUdpSize);

}  // namespace

std::size_t Channel::reconcile(const TunnelSpec& spec) {
  peer_ = spec.peer;
  // Once sealed, never plain again: not even by a mistake of the control thread.
  encrypted_ = encrypted_ || spec.encrypted;
  carries_frames_ = spec.carries_frames;
  const int path_mtu = std::clamp(spec.path_mtu, kPathMtuMin, kPathMtuMax);
  text_max_ = static_cast<std::size_t>(path_mtu) - kIpUdpSize - kOuterSize - tag_size();
  model_ = {.tunnel = index_,
            .to = spec.remote,
            .local = spec.local,
            .one_source_port = spec.one_source_port};
  const std::size_t refused = reconcile_epochs(spec);
  std::array<Byte, kOuterSize> header{};
  Outer{.kind = encrypted_ ? Kind::sealed : Kind::plain,
        .stream = config_.stream,
        .epoch = static_cast<std::uint16_t>(sending_ != nullptr ? sending_->number() : 0),
        .index = spec.peer_index}
      .write(header);
  std::copy_n(header.begin(), header_.size(), header_.begin());
  return refused;
}

std::size_t Channel::reconcile_epochs(const TunnelSpec& spec) {
  const auto named = [&spec](std::uint32_t number) {
    return std::ranges::any_of(spec.epochs, [number](const auto& k) { return k->epoch == number; });
  };
  sending_ = nullptr;
  std::erase_if(epochs_, [&named](const auto& e) { return !named(e->number()); });
  std::size_t refused = 0;
  for (const auto& keys : spec.epochs) {
    const auto is_same = [&keys](const auto& e) {
      return e->number() == keys->epoch;
    };
    if (std::ranges::any_of(epochs_, is_same)) continue;
    auto made = keys->epoch > highest_epoch_ ? Epoch::make(*keys) : nullptr;
    if (!made) {
      ++refused;
      continue;
    }
    highest_epoch_ = keys->epoch;
    epochs_.push_back(std::move(made));
  }
  for (const auto& epoch : epochs_) {
    if (spec.send_epoch == epoch->number()) sending_ = epoch.get();
  }
  return refused;
}

std::size_t Channel::packet_mtu() const {
  return text_max_ - kPrefixMax - packet::kEthernetHeaderSize;
}

Sealed Channel::ready() const {
  if (!encrypted_) return Sealed::ok;
  if (sending_ == nullptr) return Sealed::no_key;
  return sending_->exhausted() ? Sealed::exhausted : Sealed::ok;
}

Sealed Channel::seal(ByteView text, Output& out) {
  const Sealed can = ready();
  if (can != Sealed::ok) return can;
  seal_into(text, trains_.slot(kOuterSize + text.size() + tag_size(), model_, out), out);
  return Sealed::ok;
}

void Channel::seal_into(ByteView text, ByteSpan box, Output& out) {
  std::memcpy(box.data(), header_.data(), header_.size());
  if (!encrypted_) {
    fields::put_u64(box.data() + header_.size(), plain_counter_++);
    std::memcpy(box.data() + kOuterSize, text.data(), text.size());
    return;
  }
  sending_->seal(config_.stream, text, box);
  if (sending_->counter() == config_.counter_high) {
    out.events.emplace_back(CounterHigh{.tunnel = index_, .epoch = sending_->number()});
  }
}

Sealed Channel::seal_probe(const Probe& probe, Output& out) {
  const Sealed can = ready();
  if (can != Sealed::ok) return can;
  const std::size_t around = kIpUdpSize + kOuterSize + tag_size();
  std::size_t size = kInnerSize + Probe::kSize;
  const bool padded = probe.kind == ProbeKind::mtu_probe;
  if (padded) size = std::max(size, std::max<std::size_t>(probe.packet_size, around) - around);
  size = std::min(size, kDatagramMax - kOuterSize - tag_size());
  probe_.resize(size);
  probe.write(probe_);
  trains_.close(out);
  Train model = model_;
  // The probe says it, not the tunnel: before its own ports may carry frames they must be tried.
  model.one_source_port = probe.main_port;
  model.mtu_probe = padded;
  seal_into(probe_, trains_.slot(kOuterSize + size + tag_size(), model, out), out);
  trains_.close(out);
  return Sealed::ok;
}

Epoch* Channel::find_epoch(std::uint16_t low) {
  for (std::size_t i = epochs_.size(); i > 0; --i) {
    if (static_cast<std::uint16_t>(epochs_[i - 1]->number()) == low) return epochs_[i - 1].get();
  }
  return nullptr;
}

Opened Channel::open(Endpoint from, const Outer& outer, ByteSpan datagram, Output& out) {
  if (datagram.size() < kOuterSize + kInnerSize + tag_size()) return Opened::truncated;
  if ((outer.kind == Kind::sealed) != encrypted_) return Opened::wrong_kind;
  if (!encrypted_) return Opened::ok;
  Epoch* epoch = find_epoch(outer.epoch);
  if (epoch == nullptr) return Opened::stale_epoch;
  const std::size_t slot = outer.stream / config_.workers;
  // Asked before the cipher runs, which a flood of replays would otherwise keep busy.
  const ReplayWindow* seen = epoch->window(slot);
  if (seen != nullptr && !seen->fresh(outer.counter)) return Opened::replayed;
  if (!epoch->open(outer.stream, outer.counter, datagram)) return Opened::tampered;
  if (outer.counter == ReplayWindow::kUnusable) return Opened::replayed;
  ReplayWindow& window = epoch->make_window(slot);
  const bool newest = outer.counter >= window.next();
  window.accept(outer.counter);
  if (epoch->first_heard()) {
    out.events.emplace_back(FirstOfEpoch{.tunnel = index_, .epoch = epoch->number()});
  }
  if (newest) note_source(from, outer, out);
  return Opened::ok;
}

// With a source port per stream, ports differ and are learnt; the address must be the one we send
// to. Whether to follow is the control thread's to decide.
void Channel::note_source(Endpoint from, const Outer& outer, Output& out) {
  const std::size_t slot = outer.stream / config_.workers;
  if (slot >= sources_.size()) sources_.resize(slot + 1);
  Endpoint& last = sources_[slot];
  if (last == from) return;
  const bool first = last.port == 0;
  last = from;
  if (first && from.ip == model_.to.ip && (!model_.one_source_port || from == model_.to)) return;
  out.events.emplace_back(RemoteMoved{.tunnel = index_, .stream = outer.stream, .from = from});
}

}  // namespace weft::swift
