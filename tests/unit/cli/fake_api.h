// SPDX-License-Identifier: Apache-2.0
// A daemon's API by table, on a unix socket in a temporary folder, and commands run against it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "router/cli/run.h"
#include "router/io/http_server.h"

// Failed checks of a Result show its error.
template <class T>
struct doctest::StringMaker<weft::Result<T>> {
  static doctest::String convert(const weft::Result<T>& result) {
    return result ? "ok" : weft::to_string(result.error()).c_str();
  }
};

namespace weft::cli {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

class FakeApi {
 public:
  FakeApi() {
    std::string pattern = std::filesystem::temp_directory_path() / "wf-cli-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    auto server = io::HttpServer::listen(loop_, *io::HttpAddress::parse(socket()),
                                         [this](auto exchange) { serve(exchange); });
    REQUIRE(server);
    server_ = std::move(*server);
    thread_ = std::thread([this] { loop_.run(); });
  }
  FakeApi(const FakeApi&) = delete;
  FakeApi& operator=(const FakeApi&) = delete;
  ~FakeApi() {
    loop_.post([this] {
      server_.reset();
      loop_.stop();
    });
    thread_.join();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string socket() const { return folder_ + "/weave.sock"; }
  const std::string& folder() const { return folder_; }

  // "GET /status" → reply. Requests that are not in the table get 404.
  void on(const std::string& request, unsigned status, const std::string& body = "") {
    const std::lock_guard lock(mutex_);
    table_[request] = {.status = status, .body = body};
  }
  // Every request so far, with its parameters: "POST /connect peer=a replace=true".
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  Ran run(const std::vector<std::string>& arguments,
          std::map<std::string, std::string> variables = {}) const {
    variables.emplace("WEAVE_HTTP_ADDR", socket());
    variables.emplace("WEFT_RUN_DIR", folder_ + "/run");
    variables.emplace("WEFT_LOG_DIR", folder_ + "/log");
    variables.emplace("WEFT_CNI_STATE_DIR", folder_ + "/cni");
    std::ostringstream out;
    std::ostringstream err;
    auto lookup = [&](std::string_view name) -> std::optional<std::string> {
      auto at = variables.find(std::string(name));
      return at == variables.end() ? std::nullopt : std::optional(at->second);
    };
    const ExitCode code = cli::run(arguments, lookup, out, err);
    return {static_cast<int>(code), out.str(), err.str()};
  }

 private:
  void serve(const std::shared_ptr<io::HttpExchange>& exchange) {
    const std::lock_guard lock(mutex_);
    const io::HttpRequest& request = exchange->request();
    std::string line = request.method + " " + request.path;
    auto at = table_.find(line);
    for (const auto& [name, value] : request.parameters)
      line += " " + name + "=" + value;
    requests_.push_back(line);
    exchange->reply(at == table_.end() ? io::HttpResponse{.status = 404, .body = "no such page\n"}
                                       : at->second);
  }

  std::string folder_;
  io::EventLoop loop_;
  std::unique_ptr<io::HttpServer> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::map<std::string, io::HttpResponse> table_;
  std::vector<std::string> requests_;
};

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weft::cli
