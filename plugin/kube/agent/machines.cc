// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/machines.h"

namespace weft::kube {

Machines::Machines(io::EventLoop& loop, const Cluster& cluster, Log log, OnEffect on_effect)
    : loop_(loop),
      log_(std::move(log)),
      on_effect_(std::move(on_effect)),
      api_(loop, cluster, *this, log_),
      timer_(loop, [this] { on_deadline(); }) {}

void Machines::run(const std::function<void(TimePoint, Effects&)>& input) {
  Effects out;
  input(loop_.now(), out);
  effects_.insert(effects_.end(), std::make_move_iterator(out.begin()),
                  std::make_move_iterator(out.end()));
  if (carrying_out_) return;  // whoever does will come to these
  carrying_out_ = true;
  while (!effects_.empty()) {
    const Effect effect = std::move(effects_.front());
    effects_.pop_front();
    carry_out(effect);
  }
  carrying_out_ = false;
  arm();
}

void Machines::carry_out(const Effect& effect) {
  if (const auto* send = std::get_if<Send>(&effect)) return api_.send(*send);
  if (const auto* cancel = std::get_if<Cancel>(&effect)) return api_.cancel(cancel->id);
  if (const auto* text = std::get_if<LogLine>(&effect)) return log_(*text);
  on_effect_(effect);
}

void Machines::each(const std::function<void(Machine&, TimePoint, Effects&)>& input) {
  run([&](TimePoint now, Effects& out) {
    for (Machine* machine : machines_)
      input(*machine, now, out);
  });
}

void Machines::arm() {
  std::optional<TimePoint> next;
  for (const Machine* machine : machines_)
    next = earliest(next, machine->next_deadline());
  timer_.arm(next);
}

void Machines::on_deadline() {
  each([](Machine& m, TimePoint now, Effects& out) {
    const auto due = m.next_deadline();
    if (due && *due <= now) m.on_deadline(now, out);
  });
}

void Machines::request(HttpRequest request, OnAnswer done) {
  const RequestId id = ids_.next();
  single_.emplace(id, std::move(done));
  api_.send({.id = id, .request = std::move(request)});
}

void Machines::on_response(RequestId id, const HttpResponse& response) {
  if (const auto single = single_.extract(id)) return single.mapped()(&response);
  each([&](Machine& m, TimePoint now, Effects& out) { m.on_response(now, id, response, out); });
}

void Machines::on_stream_open(RequestId id, int status,
                              std::optional<std::chrono::seconds> retry_after) {
  each([&](Machine& m, TimePoint now, Effects& out) {
    m.on_stream_open(now, id, status, retry_after, out);
  });
}

void Machines::on_stream_bytes(RequestId id, ByteView bytes) {
  each([&](Machine& m, TimePoint now, Effects& out) { m.on_stream_bytes(now, id, bytes, out); });
}

void Machines::on_stream_end(RequestId id, StreamEnd why) {
  each([&](Machine& m, TimePoint now, Effects& out) { m.on_stream_end(now, id, why, out); });
}

void Machines::on_failure(RequestId id, const Error& error) {
  if (const auto single = single_.extract(id)) return single.mapped()(nullptr);
  each([&](Machine& m, TimePoint now, Effects& out) { m.on_failure(now, id, error, out); });
}

}  // namespace weft::kube
