// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/events.h"

#include <algorithm>

#include "base/bytes.h"
#include "plugin/kube/core/json_text.h"

namespace weft::kube {

namespace {

std::string key_of(const EventSubject& subject, const EventText& text) {
  return subject.kind + "\n" + subject.name_space + "\n" + subject.name + "\n" + text.reason +
         "\n" + text.message;
}

std::string collection_of(const std::string& name_space) {
  return "/api/v1/namespaces/" + percent_encode(name_space) + "/events";
}

std::string suffix(Rng& rng) {
  Bytes bytes(8);
  rng.fill(bytes);
  return to_hex(bytes);
}

}  // namespace

EventSubject node_subject(const std::string& node) {
  return {.kind = "Node", .name_space = "", .name = node, .uid = node};
}

std::optional<HttpRequest> Events::on_event(TimePoint now, const EventSubject& subject,
                                            const EventText& text) {
  forget_old(now);
  const std::string key = key_of(subject, text);
  auto at = said_.find(key);
  if (at != said_.end()) {
    Said& said = at->second;
    ++said.count;
    if (now < said.written + said.interval || !take_token(now)) return std::nullopt;
    said.written = now;
    said.interval = std::min(said.interval * 2, kRepeatMax);
    return again(now, said);
  }
  if (said_.size() >= kEventsMax || !take_token(now)) {
    ++dropped_count_;
    return std::nullopt;
  }
  // Events of objects without a namespace lie in "default".
  Said said{.name = subject.name + "." + suffix(rng_),
            .name_space = subject.name_space.empty() ? "default" : subject.name_space,
            .first = now,
            .written = now};
  at = said_.emplace(key, std::move(said)).first;
  return first_time(now, subject, text, at->second);
}

bool Events::take_token(TimePoint now) {
  while (tokens_ < kEventBurst && now >= refilled_at_ + kEventRefill) {
    ++tokens_;
    refilled_at_ += kEventRefill;
  }
  if (tokens_ == kEventBurst) refilled_at_ = now;
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

// The server drops an Event an hour after it was last written.
void Events::forget_old(TimePoint now) {
  std::erase_if(said_, [&](const auto& entry) { return now >= entry.second.written + kEventLife; });
}

HttpRequest Events::first_time(TimePoint now, const EventSubject& subject, const EventText& text,
                               const Said& said) const {
  const std::string time = time_text(config_.wall.wall(now));
  Json object = {{"kind", subject.kind}, {"name", subject.name}, {"apiVersion", "v1"}};
  if (!subject.name_space.empty()) object["namespace"] = subject.name_space;
  if (!subject.uid.empty()) object["uid"] = subject.uid;
  const Json event = {{"apiVersion", "v1"},
                      {"kind", "Event"},
                      {"metadata", {{"name", said.name}, {"namespace", said.name_space}}},
                      {"involvedObject", std::move(object)},
                      {"type", text.warning ? "Warning" : "Normal"},
                      {"reason", text.reason},
                      {"message", text.message.substr(0, kEventMessageMax)},
                      {"source", {{"component", config_.component}, {"host", config_.node}}},
                      {"firstTimestamp", time},
                      {"lastTimestamp", time},
                      {"count", 1}};
  return {.method = "POST",
          .target = collection_of(said.name_space),
          .body = print(event),
          .content_type = "application/json"};
}

HttpRequest Events::again(TimePoint now, const Said& said) const {
  return {
      .method = "PATCH",
      .target = collection_of(said.name_space) + "/" + percent_encode(said.name),
      .body = print({{"count", said.count}, {"lastTimestamp", time_text(config_.wall.wall(now))}}),
      .content_type = "application/merge-patch+json"};
}

}  // namespace weft::kube
