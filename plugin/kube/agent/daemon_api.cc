// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/daemon_api.h"

#include "base/text.h"
#include "plugin/kube/core/mesh_report.h"

namespace weft::kube {
namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kNoContent = 204;
constexpr Duration kHealthTimeout = std::chrono::seconds(5);
constexpr Duration kCallTimeout = std::chrono::seconds(10);
// A takeover rewrites the ring and stores it.
constexpr Duration kRemovalCallTimeout = std::chrono::seconds(20);
constexpr std::string_view kExposeIdent = "/ip/weave:expose";

io::HttpPlace place_of(const io::HttpAddress& at) {
  if (const auto* path = std::get_if<io::UnixPath>(&at.where)) return *path;
  const Endpoint endpoint = std::get<Endpoint>(at.where);
  // A daemon that listens everywhere is asked over loopback, where it takes changes.
  const bool everywhere = endpoint.ip == Ipv4Addr{};
  return io::HostAndPort{.host = everywhere ? "127.0.0.1" : endpoint.ip.text(),
                         .port = endpoint.port};
}

bool good(const Result<io::HttpResponse>& answer) {
  return answer && (answer->status == kOk || answer->status == kNoContent);
}

std::string complaint(const Result<io::HttpResponse>& answer) {
  if (!answer) return to_string(answer.error());
  return std::to_string(answer->status) + " " + std::string(trim(answer->body));
}

}  // namespace

DaemonApi::DaemonApi(io::EventLoop& loop, const io::HttpAddress& at)
    : caller_(loop, {.server = place_of(at), .filter = nullptr}) {}

io::HttpCaller::CallId DaemonApi::ask(io::HttpCall call, Done done) {
  const auto shared = std::make_shared<Done>(std::move(done));
  return caller_.start(
      {.what = std::move(call), .stream = false},
      {.on_response = [shared](io::HttpResponse response) { (*shared)(std::move(response)); },
       .on_open = nullptr,
       .on_bytes = nullptr,
       .on_end = nullptr,
       .on_failure =
           [shared](const Failure& failure) {
             (*shared)(failure.error);
           }});
}

void DaemonApi::health(std::function<void(const Health&)> done) {
  io::HttpCall call;
  call.target = "/readyz";
  call.timeout = kHealthTimeout;
  ask(std::move(call), [done = std::move(done)](const Result<io::HttpResponse>& answer) {
    done({.answers = answer.has_value(), .ready = good(answer), .text = complaint(answer)});
  });
}

void DaemonApi::expose(std::optional<Cidr> wish, std::function<void(const Exposed&)> done) {
  io::HttpCall call;
  call.method = wish ? "PUT" : "POST";
  call.target = std::string(kExposeIdent) + (wish ? "/" + wish->text() : "");
  call.timeout = std::nullopt;
  exposing_ = ask(std::move(call),
                  [this, wish, done = std::move(done)](const Result<io::HttpResponse>& answer) {
                    exposing_ = 0;
                    if (!good(answer))
                      return done("no address for the bridge: " + complaint(answer));
                    const auto address = wish ? wish : Cidr::parse(trim(answer->body));
                    if (!address)
                      return done("no address for the bridge: weaver says '" + answer->body + "'");
                    expose_address(*address, done);
                  });
}

void DaemonApi::expose_address(const Cidr& address,
                               const std::function<void(const Exposed&)>& done) {
  io::HttpCall call;
  call.method = "POST";
  call.target = "/expose/" + address.text();
  call.timeout = kCallTimeout;
  ask(std::move(call), [address, done](const Result<io::HttpResponse>& answer) {
    if (!good(answer)) return done("cannot expose " + address.text() + ": " + complaint(answer));
    done(address);
  });
}

void DaemonApi::cancel_expose() {
  if (exposing_ != 0) caller_.cancel(exposing_);
  exposing_ = 0;
}

void DaemonApi::post(const std::string& target, io::HttpCall call, std::function<void(bool)> done) {
  call.method = "POST";
  call.target = target;
  call.timeout = kCallTimeout;
  ask(std::move(call),
      [done = std::move(done)](const Result<io::HttpResponse>& answer) { done(good(answer)); });
}

void DaemonApi::connect(const std::vector<std::string>& peers, bool replace,
                        std::function<void(bool)> done) {
  io::HttpCall call;
  for (const std::string& peer : peers)
    call.form.emplace_back("peer", peer);
  if (replace) call.form.emplace_back("replace", "true");
  post("/connect", std::move(call), std::move(done));
}

void DaemonApi::forget(const std::vector<std::string>& peers, std::function<void(bool)> done) {
  io::HttpCall call;
  for (const std::string& peer : peers)
    call.form.emplace_back("peer", peer);
  post("/forget", std::move(call), std::move(done));
}

void DaemonApi::tell(const std::vector<std::string>& notices, std::function<void(bool)> done) {
  io::HttpCall call;
  for (const std::string& notice : notices)
    call.form.emplace_back("notice", notice);
  post("/notices", std::move(call), std::move(done));
}

void DaemonApi::remove_peer(PeerName peer, std::function<void(std::optional<std::uint64_t>)> done) {
  io::HttpCall call;
  call.method = "DELETE";
  call.target = "/peer/" + peer.text();
  call.timeout = kRemovalCallTimeout;
  ask(std::move(call), [done = std::move(done)](const Result<io::HttpResponse>& answer) {
    if (!good(answer)) return done(std::nullopt);
    // "512 IPs taken over from 7a:…"
    const std::string_view body = trim(answer->body);
    done(parse_u64(body.substr(0, body.find(' '))).value_or(0));
  });
}

void DaemonApi::report(std::function<void(std::optional<std::string>)> done) {
  io::HttpCall call;
  call.target = "/report?format=json";
  call.timeout = kCallTimeout;
  call.body_max = kReportTextMax;
  ask(std::move(call), [done = std::move(done)](const Result<io::HttpResponse>& answer) {
    done(good(answer) ? std::optional(answer->body) : std::nullopt);
  });
}

}  // namespace weft::kube
