// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/compare_and_swap.h"

#include "plugin/kube/core/objects.h"

namespace weft::kube {

namespace {

constexpr int kConflict = 409;
constexpr int kNotFound = 404;

}  // namespace

Json ObjectAddress::skeleton() const {
  Json meta = {{"name", name}};
  if (!name_space.empty()) meta["namespace"] = name_space;
  return {{"apiVersion", api_version}, {"kind", kind}, {"metadata", std::move(meta)}};
}

CompareAndSwap::CompareAndSwap(ObjectAddress address, Rng& rng, RequestIds& ids)
    : address_(std::move(address)), rng_(rng), ids_(ids) {}

void CompareAndSwap::begin(TimePoint now, Edit edit, Effects& out) {
  cancel(out);
  edit_ = std::move(edit);
  read(now, out);
}

void CompareAndSwap::cancel(Effects& out) {
  if (request_) out.emplace_back(Cancel{request_});
  request_ = {};
  phase_ = Phase::idle;
  deadline_.reset();
  edit_ = nullptr;
}

void CompareAndSwap::read(TimePoint now, Effects& out) {
  send(now, Phase::reading, {.method = "GET", .target = address_.path()}, out);
}

void CompareAndSwap::send(TimePoint now, Phase phase, HttpRequest request, Effects& out) {
  phase_ = phase;
  request_ = ids_.next();
  if (!request.body.empty()) request.content_type = "application/json";
  deadline_ = now + request.timeout + kAnswerGrace;
  out.emplace_back(Send{request_, std::move(request)});
}

CompareAndSwap::Outcome CompareAndSwap::on_response(TimePoint now, RequestId id,
                                                    const HttpResponse& response, Effects& out) {
  if (!request_ || id != request_) return std::nullopt;
  request_ = {};
  if (phase_ != Phase::reading) return take_written(now, response, out);
  if (response.status == kNotFound) return take_object(now, address_.skeleton(), false, out);
  if (response.status != 200) {
    retry(now, "reading: " + refusal_text(response.status, response.body), response.retry_after,
          out);
    return std::nullopt;
  }
  auto object = parse_object(response.body, kObjectTextMax);
  // Without a version a write would overwrite whatever is there.
  auto meta = object ? parse_meta(*object) : Result<ObjectMeta>(object.error());
  if (meta && !meta->resource_version.empty()) {
    return take_object(now, std::move(*object), true, out);
  }
  retry(now, "reading: " + (meta ? "no resourceVersion" : to_string(meta.error())), std::nullopt,
        out);
  return std::nullopt;
}

CompareAndSwap::Outcome CompareAndSwap::take_object(TimePoint now, Json object, bool exists,
                                                    Effects& out) {
  if (!edit_(object)) return finish(std::move(object));
  HttpRequest request{.method = exists ? "PUT" : "POST",
                      .target = exists ? address_.path() : address_.collection,
                      .body = print(object)};
  send(now, exists ? Phase::writing : Phase::creating, std::move(request), out);
  return std::nullopt;
}

CompareAndSwap::Outcome CompareAndSwap::take_written(TimePoint now, const HttpResponse& response,
                                                     Effects& out) {
  if (response.status == 200 || response.status == 201) {
    auto object = parse_object(response.body, kObjectTextMax);
    if (object) return finish(std::move(*object));
    retry(now, "writing: " + to_string(object.error()), std::nullopt, out);
    return std::nullopt;
  }
  // Somebody was faster, or the object went away in between: the edit decides anew.
  const bool overtaken = response.status == kConflict || response.status == kNotFound;
  retry(now, overtaken ? "" : "writing: " + refusal_text(response.status, response.body),
        response.retry_after, out);
  return std::nullopt;
}

CompareAndSwap::Outcome CompareAndSwap::finish(Json object) {
  phase_ = Phase::idle;
  deadline_.reset();
  edit_ = nullptr;
  back_off_.reset();
  last_error_.clear();
  return Outcome(std::in_place, std::move(object));
}

void CompareAndSwap::on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) {
  if (!request_ || id != request_) return;
  request_ = {};
  retry(now, (phase_ == Phase::reading ? "reading: " : "writing: ") + to_string(error),
        std::nullopt, out);
}

void CompareAndSwap::on_deadline(TimePoint now, Effects& out) {
  if (!deadline_ || now < *deadline_) return;
  if (phase_ == Phase::waiting) return read(now, out);
  if (request_) out.emplace_back(Cancel{request_});
  request_ = {};
  retry(now, "no answer", std::nullopt, out);
}

void CompareAndSwap::retry(TimePoint now, const std::string& why,
                           std::optional<std::chrono::seconds> at_least, Effects& out) {
  phase_ = Phase::waiting;
  deadline_ = now + back_off_.next(rng_, at_least);
  if (why.empty() || why == last_error_) return;
  last_error_ = why;
  out.emplace_back(LogLine{.level = LogLevel::warning,
                           .component = "kube",
                           .text = address_.kind + " " + address_.name + ": " + why});
}

}  // namespace weft::kube
