// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "plugin/kube/agent/password.h"
#include "plugin/kube/agent/restart_policy.h"

using namespace weft;
using namespace weft::kube;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::optional<Duration> wait(RestartPolicy& policy, Duration lived, int code = 1) {
  const auto verdict = policy.on_exit(lived, code, false);
  const auto* restart = std::get_if<RestartPolicy::Restart>(&verdict);
  return restart != nullptr ? std::optional(restart->after) : std::nullopt;
}

}  // namespace

TEST_CASE("restart: at once, then less and less often, and at once again after a life") {
  RestartPolicy policy;
  CHECK(wait(policy, seconds(1)) == milliseconds(100));
  CHECK(wait(policy, seconds(1)) == milliseconds(200));
  CHECK(wait(policy, seconds(60)) == milliseconds(100));
  CHECK(wait(policy, seconds(0)) == milliseconds(200));
}

TEST_CASE("restart: one that never comes to life is given up, with its code") {
  RestartPolicy policy;
  Duration total{0};
  for (int i = 0; i < RestartPolicy::kEarlyDeathsMax; ++i)
    total += wait(policy, seconds(0), 134).value();
  CHECK(total < seconds(30));
  CHECK(std::get<RestartPolicy::GiveUp>(policy.on_exit(seconds(0), 134, false)).exit_code == 134);
}

TEST_CASE("restart: one that never comes to life leaves the node to another sooner") {
  RestartPolicy policy;
  const auto over = [&] {
    return std::holds_alternative<RestartPolicy::GiveUp>(policy.on_exit(seconds(0), 1, true));
  };
  CHECK_FALSE(over());
  CHECK_FALSE(over());
  CHECK(over());
}

TEST_CASE("restart: a wrong command line is not tried again") {
  RestartPolicy policy;
  CHECK(std::get<RestartPolicy::GiveUp>(policy.on_exit(seconds(90), 2, false)).exit_code == 2);
}

TEST_CASE("base64: there and back, as RFC 4648 has it") {
  for (const auto& [plain, coded] :
       {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    CHECK(base64(plain) == coded);
    CHECK(from_base64(coded) == plain);
  }
  CHECK_FALSE(from_base64("Zg="));
  CHECK_FALSE(from_base64("Z===") == "");
  CHECK_FALSE(from_base64("Zm9*"));
}

TEST_CASE("password: one that is there is taken; else ours goes in, once") {
  SeededRng rng(1);
  RequestIds ids;
  std::string known;
  Password password({.secret = "weave-passwd"}, rng, ids,
                    [&](std::string text) { known = std::move(text); });
  Effects out;
  password.start(TimePoint(), out);
  const auto request = [&] {
    return std::get<Send>(out.back());
  };
  CHECK(request().request.target == "/api/v1/namespaces/kube-system/secrets/weave-passwd");
  const std::string empty =
      R"({"kind":"Secret","metadata":{"name":"weave-passwd","namespace":"kube-system",)"
      R"("uid":"u","resourceVersion":"5"},"type":"Opaque"})";
  password.on_response(TimePoint(), request().id, {.status = 200, .body = empty}, out);
  CHECK(request().request.method == "PUT");
  CHECK(known.empty());
  SUBCASE("ours is written") {
    const std::string written = request().request.body;
    password.on_response(TimePoint(), request().id, {.status = 200, .body = written}, out);
    CHECK(known.size() == 43);
    CHECK(written.find(base64(known)) != std::string::npos);
    CHECK(written.find("Opaque") != std::string::npos);
  }
  SUBCASE("another agent was faster") {
    password.on_response(TimePoint(), request().id, {.status = 409, .body = "{}"}, out);
    password.on_deadline(*password.next_deadline(), out);
    CHECK(request().request.method == "GET");
    const std::string theirs =
        R"({"kind":"Secret","metadata":{"name":"weave-passwd","namespace":"kube-system",)"
        R"("uid":"u","resourceVersion":"6"},"data":{"weave-passwd":"c2VjcmV0"}})";
    password.on_response(TimePoint(), request().id, {.status = 200, .body = theirs}, out);
    CHECK(known == "secret");
  }
}
