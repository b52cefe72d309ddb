// SPDX-License-Identifier: Apache-2.0
// A daemon that answers by script, on a unix socket in a temporary folder, and a plugin call
// against it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "plugin/cni/plugin.h"
#include "router/io/http_server.h"

// Failed checks of a Result show its error.
template <class T>
struct doctest::StringMaker<weft::Result<T>> {
  static doctest::String convert(const weft::Result<T>& result) {
    return result ? "ok" : weft::to_string(result.error()).c_str();
  }
};

namespace weft::cni {

class TempDir {
 public:
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "wf-cni-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Hands out addresses like the real one; `script` may answer first, or swallow a request.
class FakeDaemon {
 public:
  enum class Fate { normal, silence, hang_up };
  // What happens to a request, and the answer if there is to be another than the normal one.
  using Script = std::function<std::pair<Fate, std::optional<io::HttpResponse>>(
      const io::HttpRequest& request)>;

  explicit FakeDaemon(const std::string& socket, Script script = {})
      : script_(std::move(script)), socket_(socket) {
    auto server = io::HttpServer::listen(loop_, *io::HttpAddress::parse(socket),
                                         [this](auto exchange) { serve(exchange); });
    REQUIRE(server);
    server_ = std::move(*server);
    thread_ = std::thread([this] { loop_.run(); });
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon() {
    loop_.post([this] {
      silent_.clear();
      server_.reset();
      loop_.stop();
    });
    thread_.join();
  }

  std::map<std::string, std::string> held() {
    const std::lock_guard lock(mutex_);
    return held_;
  }
  // "METHOD path" of every request so far.
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void hold(const std::string& ident, const std::string& cidr) {
    const std::lock_guard lock(mutex_);
    held_[ident] = cidr;
  }

 private:
  void serve(std::shared_ptr<io::HttpExchange> exchange) {
    const std::lock_guard lock(mutex_);
    const io::HttpRequest& request = exchange->request();
    requests_.push_back(request.method + " " + request.path);
    auto [fate, answer] =
        script_ ? script_(request) : std::pair(Fate::normal, std::optional<io::HttpResponse>());
    if (fate == Fate::silence) {
      silent_.push_back(exchange);
      return;
    }
    if (fate == Fate::hang_up) {
      normal(request);  // what it was asked for is done, but nobody hears of it
      silent_.push_back(exchange);
      return;
    }
    exchange->reply(answer ? *answer : normal(request));
  }

  io::HttpResponse normal(const io::HttpRequest& request) {
    if (request.path == "/readyz") return {.status = 200, .body = "ready\n"};
    if (request.path == "/ipinfo/defaultsubnet") return {.status = 200, .body = "10.32.0.0/12"};
    if (request.segments.front() == "expose") return {.status = 204};
    if (request.segments.front() != "ip" || request.segments.size() < 2) return {.status = 404};
    const std::string& ident = request.segments[1];
    if (request.method == "GET") return {.status = 200, .body = held_[ident]};
    if (request.method == "PUT") {
      held_[ident] = request.segments[2] + "/" + request.segments[3];
      return {.status = 204};
    }
    if (request.method == "POST") {
      if (held_[ident].empty()) held_[ident] = "10.32.0." + std::to_string(++last_) + "/12";
      return {.status = 200, .body = held_[ident]};
    }
    auto at = held_.find(ident);
    if (at == held_.end() || at->second.empty()) {
      return {.status = 400, .body = "Delete: no addresses for " + ident + "\n"};
    }
    held_.erase(at);
    return {.status = 204};
  }

  Script script_;
  std::string socket_;
  io::EventLoop loop_;
  std::unique_ptr<io::HttpServer> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::map<std::string, std::string> held_;
  std::vector<std::string> requests_;
  std::vector<std::shared_ptr<io::HttpExchange>> silent_;
  int last_ = 0;
};

// One folder with a socket, a state directory and short timeouts.
struct Bench {
  TempDir dir;
  Timeouts timeouts{.add_total = std::chrono::seconds(10),
                    .allocate = std::chrono::milliseconds(300),
                    .call = std::chrono::milliseconds(300),
                    .rollback_total = std::chrono::seconds(1),
                    .del_total = std::chrono::seconds(5),
                    .delegate = std::chrono::seconds(5),
                    .status_total = std::chrono::milliseconds(300),
                    .catch_up = std::chrono::seconds(1)};
  std::map<std::string, std::string> variables;

  Bench() {
    variables = {{"WEAVE_HTTP_ADDR", socket()},
                 {"WEFT_CNI_STATE_DIR", dir.path() + "/state"},
                 {"CNI_CONTAINERID", "0123456789abcdef"},
                 {"CNI_NETNS", "/run/netns/wf-c-none"},
                 {"CNI_IFNAME", "eth0"},
                 {"CNI_PATH", dir.path()}};
  }
  std::string socket() const { return dir.path() + "/weave.sock"; }

  Reply call(const std::string& verb, const std::string& config, Role role = Role::network) const {
    auto lookup = [&](std::string_view name) -> std::optional<std::string> {
      if (name == "CNI_COMMAND") return verb;
      auto at = variables.find(std::string(name));
      return at == variables.end() ? std::nullopt : std::optional(at->second);
    };
    return run_plugin(
        {.role = role, .variable = lookup, .config_text = config, .timeouts = timeouts});
  }

  // Files in a folder of the state directory.
  std::vector<std::string> files(const std::string& folder) const {
    std::vector<std::string> out;
    std::error_code error;
    const std::string path = dir.path() + "/state/" + folder;
    for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; ++at) {
      out.push_back(at->path().filename());
    }
    return out;
  }
};

inline nlohmann::json parse_reply(const Reply& reply) {
  auto json = nlohmann::json::parse(reply.out, nullptr, false);
  REQUIRE_MESSAGE(json.is_object(), reply.out);
  return json;
}

inline std::string config(const std::string& version, const std::string& more = "") {
  return R"({"cniVersion": ")" + version + R"(", "name": "weave", "type": "weave-net")" +
         (more.empty() ? "" : ", " + more) + "}";
}

}  // namespace weft::cni
