// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/kube/core/api_model.h"

#include <algorithm>

#include "base/ensure.h"

namespace weft::kube::test {

HttpResponse status_reply(int code, const std::string& reason, const std::string& message) {
  return {.status = code,
          .body = print(
              {{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}})};
}

const Json* ApiModel::find(const std::string& path) const {
  auto at = objects_.find(path);
  return at == objects_.end() ? nullptr : &at->second;
}

void ApiModel::put(const std::string& path, Json object) {
  static_cast<void>(store(path, std::move(object), 200));
}

HttpResponse ApiModel::store(const std::string& path, Json object, int status) {
  Json& meta = object_in(object, "metadata");
  const Json* before = find(path);
  meta["uid"] = before != nullptr ? before->at("metadata").at("uid").get<std::string>()
                                  : "uid-" + std::to_string(++uid_);
  meta["resourceVersion"] = std::to_string(++version_);
  objects_[path] = object;
  return {.status = status, .body = print(object)};
}

HttpResponse ApiModel::handle(const HttpRequest& request) {
  if (request.method == "GET") {
    const Json* object = find(request.target);
    return object == nullptr ? status_reply(404, "NotFound")
                             : HttpResponse{.status = 200, .body = print(*object)};
  }
  Json object = Json::parse(request.body, nullptr, false);
  if (!object.is_object()) return status_reply(400, "BadRequest");
  const Json& meta = object["metadata"];
  if (request.method == "POST") {
    const std::string path = request.target + "/" + text_of(meta, "name");
    if (find(path) != nullptr) return status_reply(409, "AlreadyExists");
    return store(path, std::move(object), 201);
  }
  ensure(request.method == "PUT", "a method that the model does not know");
  const Json* before = find(request.target);
  if (before == nullptr) return status_reply(404, "NotFound");
  if (text_of(meta, "resourceVersion") != text_of(before->at("metadata"), "resourceVersion")) {
    return status_reply(409, "Conflict");
  }
  return store(request.target, std::move(object), 200);
}

bool World::has(const Actor& actor) const {
  return std::find(actors_.begin(), actors_.end(), &actor) != actors_.end();
}

void World::carry_out(Actor& actor, Effects effects) {
  for (const Effect& effect : effects) {
    if (const Send* one = std::get_if<Send>(&effect)) {
      send(actor, *one);
    } else {
      actor.on_effect(now, effect);
    }
  }
}

void World::send(Actor& actor, const Send& request) {
  ++requests;
  const auto delay = [&] {
    return std::chrono::milliseconds(1 + static_cast<int>(rng.below(200)));
  };
  const bool lost = away || rng.unit() < loss_;
  const bool answer_lost = rng.unit() < loss_;
  after(delay(), [this, &actor, request, lost, answer_lost, back = delay()] {
    // An answer that is lost: the server has done it all the same.
    std::optional<HttpResponse> response;
    if (!lost && !away) response = api.handle(request.request);
    after(back, [this, &actor, request, response, answer_lost] {
      if (!has(actor)) return;
      Effects out;
      if (response && !answer_lost) {
        actor.on_response(now, request.id, *response, out);
      } else {
        actor.on_failure(now, request.id, {Errc::system, 0, "connection reset"}, out);
      }
      carry_out(actor, std::move(out));
    });
  });
}

void World::run_until(TimePoint end) {
  while (true) {
    TimePoint next = end;
    if (!queue_.empty()) next = std::min(next, queue_.begin()->first);
    Actor* due = nullptr;
    for (Actor* actor : actors_) {
      const auto deadline = actor->next_deadline();
      if (!deadline || *deadline >= next) continue;
      next = *deadline;
      due = actor;
    }
    if (next >= end && due == nullptr && (queue_.empty() || queue_.begin()->first >= end)) break;
    now = std::max(now, next);
    if (due != nullptr) {
      Effects out;
      due->on_deadline(now, out);
      carry_out(*due, std::move(out));
      continue;
    }
    auto what = std::move(queue_.begin()->second);
    queue_.erase(queue_.begin());
    what();
  }
  now = end;
}

}  // namespace weft::kube::test
