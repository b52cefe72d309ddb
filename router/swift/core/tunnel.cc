// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/tunnel.h"

namespace weft::swift {
namespace {

KeyExchangeConfig keys_of(const TunnelConfig& config) {
  return {.us = config.us,
          .them = config.them,
          .conn_uid = config.conn_uid,
          .we_dialled = config.outbound,
          .session = config.key,
          .aeads = config.aeads,
          .rekey_interval = config.rekey_interval};
}

PathConfig path_of(const TunnelConfig& config) {
  PathConfig path{
      .port = config.port, .stream_ports = config.stream_ports, .mtu_ceiling = config.mtu_ceiling};
  if (config.outbound) path.remote = config.tcp_remote;
  if (!config.key) path.only = config.tcp_remote.ip;
  return path;
}

}  // namespace

Tunnel::Tunnel(const TunnelConfig& config, Rng& rng)
    : link_(config.link),
      peer_(config.them),
      local_(config.local),
      keys_(keys_of(config), rng),
      path_(path_of(config)) {}

void Tunnel::settle(TimePoint now, TunnelEffects& out) {
  if (out.refused) dead_ = true;
  path_.set_ready(now, !dead_ && keys_.ready(), out);
  if (dead_) out.spec_changed = true;
}

void Tunnel::start(TimePoint now, TunnelEffects& out) {
  keys_.start(now, out);
}

Result<> Tunnel::on_control(TimePoint now, std::uint8_t tag, ByteView body, TunnelEffects& out) {
  const auto message = parse_tunnel_message(tag, body);
  if (!message) return message.error();
  if (dead_) return {};
  keys_.on_message(now, *message, out);
  settle(now, out);
  return {};
}

void Tunnel::on_applied(TimePoint now, std::uint64_t version, TunnelEffects& out) {
  if (dead_) return;
  keys_.on_applied(now, version, out);
  settle(now, out);
}

void Tunnel::on_probe(TimePoint now, const ProbeReceived& received, TunnelEffects& out) {
  if (dead_) return;
  path_.on_probe(now, received.stream, received.from, received.probe, out);
}

void Tunnel::on_first_of_epoch(TimePoint now, std::uint32_t epoch, TunnelEffects& out) {
  if (dead_) return;
  keys_.on_first_of_epoch(now, epoch, out);
  settle(now, out);
}

void Tunnel::on_counter_high(TimePoint now, std::uint32_t epoch, TunnelEffects& out) {
  if (!dead_) keys_.on_counter_high(now, epoch, out);
}

void Tunnel::on_path_mtu(TimePoint now, int mtu, TunnelEffects& out) {
  if (!dead_) path_.on_path_mtu(now, mtu, out);
}

void Tunnel::on_deadline(TimePoint now, TunnelEffects& out) {
  if (dead_) return;
  keys_.on_deadline(now, out);
  settle(now, out);
  path_.on_deadline(now, out);
}

std::optional<TimePoint> Tunnel::next_deadline() const {
  if (dead_) return std::nullopt;
  return earliest(keys_.next_deadline(), path_.next_deadline());
}

int Tunnel::mtu() const {
  const int tag = keys_.sealed() ? 0 : static_cast<int>(kTagSize);
  return path_.mtu() - kOverheadMax + tag;
}

std::optional<TunnelSpec> Tunnel::spec() const {
  if (dead_ || keys_.peer_index() == 0) return std::nullopt;
  return TunnelSpec{.link = link_,
                    .peer = peer_,
                    .index = keys_.index(),
                    .peer_index = keys_.peer_index(),
                    .remote = path_.remote(),
                    .local = local_,
                    .path_mtu = path_.mtu(),
                    .encrypted = keys_.sealed(),
                    .epochs = keys_.epochs(),
                    .send_epoch = keys_.send_epoch(),
                    .carries_frames = false,
                    .one_source_port = path_.one_source_port()};
}

TunnelStatus Tunnel::status() const {
  TunnelStatus status{.encrypted = keys_.sealed(),
                      .aead = keys_.aead(),
                      .epoch = keys_.send_epoch(),
                      .keys_since = keys_.keys_since(),
                      .path_mtu = path_.mtu(),
                      .one_source_port = path_.one_source_port(),
                      .remote = path_.remote(),
                      .round_trip = path_.round_trip()};
  if (up()) return status;
  status.retry = path_.retry();
  const bool has_keys = keys_.ready() && !dead_;
  status.fault = has_keys ? TunnelFault::path : TunnelFault::keys;
  status.trouble = has_keys ? path_.trouble() : keys_.trouble();
  if (status.trouble.empty()) status.trouble = "waiting for the peer's keys over TCP";
  return status;
}

}  // namespace weft::swift
