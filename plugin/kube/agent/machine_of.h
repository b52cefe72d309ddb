// SPDX-License-Identifier: Apache-2.0
// Gives a machine of the core the face that Machines knows, with the inputs that it has.
#pragma once

#include <utility>

#include "plugin/kube/agent/machines.h"

namespace weft::kube {

template <class M>
class MachineOf final : public Machine {
 public:
  template <class... Arguments>
  explicit MachineOf(Arguments&&... arguments) : machine_(std::forward<Arguments>(arguments)...) {}

  M* operator->() { return &machine_; }
  const M* operator->() const { return &machine_; }

  void on_response(TimePoint now, RequestId id, const HttpResponse& response,
                   Effects& out) override {
    if constexpr (requires { machine_.on_response(now, id, response, out); }) {
      machine_.on_response(now, id, response, out);
    }
  }
  void on_stream_open(TimePoint now, RequestId id, int status,
                      std::optional<std::chrono::seconds> retry_after, Effects& out) override {
    if constexpr (requires { machine_.on_stream_open(now, id, status, retry_after, out); }) {
      machine_.on_stream_open(now, id, status, retry_after, out);
    }
  }
  void on_stream_bytes(TimePoint now, RequestId id, ByteView bytes, Effects& out) override {
    if constexpr (requires { machine_.on_stream_bytes(now, id, bytes, out); }) {
      machine_.on_stream_bytes(now, id, bytes, out);
    }
  }
  void on_stream_end(TimePoint now, RequestId id, StreamEnd why, Effects& out) override {
    if constexpr (requires { machine_.on_stream_end(now, id, why, out); }) {
      machine_.on_stream_end(now, id, why, out);
    }
  }
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) override {
    if constexpr (requires { machine_.on_failure(now, id, error, out); }) {
      machine_.on_failure(now, id, error, out);
    }
  }
  void on_deadline(TimePoint now, Effects& out) override { machine_.on_deadline(now, out); }
  std::optional<TimePoint> next_deadline() const override { return machine_.next_deadline(); }

 private:
  M machine_;
};

}  // namespace weft::kube
