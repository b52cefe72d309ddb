// SPDX-License-Identifier: Apache-2.0
// Carries out the requests of the agent's machines against one API server, as
// plugin/kube/core/http.h says: it decides nothing and repeats nothing.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "plugin/kube/client/cluster.h"
#include "plugin/kube/core/http.h"
#include "router/io/http_caller.h"

namespace weft::kube {

// A service account's token is a few kilobytes.
inline constexpr std::size_t kTokenMax = 64 * 1024;

// What comes back. Never from inside send().
class ApiAnswers {
 public:
  ApiAnswers() = default;
  ApiAnswers(const ApiAnswers&) = delete;
  ApiAnswers& operator=(const ApiAnswers&) = delete;
  virtual ~ApiAnswers() = default;
  virtual void on_response(RequestId id, const HttpResponse& response) = 0;
  virtual void on_stream_open(RequestId id, int status,
                              std::optional<std::chrono::seconds> retry_after) = 0;
  virtual void on_stream_bytes(RequestId id, ByteView bytes) = 0;
  virtual void on_stream_end(RequestId id, StreamEnd why) = 0;
  virtual void on_failure(RequestId id, const Error& error) = 0;
};

class ApiClient {
 public:
  // All outlive this. `log` hears when the server cannot be reached, and when it can again.
  ApiClient(io::EventLoop& loop, Cluster cluster, ApiAnswers& answers,
            std::function<void(const LogLine&)> log);

  void send(const Send& send);
  void cancel(RequestId id);

  // Why the last request had no answer, for people; empty: it had one.
  const std::string& trouble() const { return trouble_; }
  std::string server() const { return cluster_.server.text(); }

 private:
  Result<std::unique_ptr<io::StreamFilter>> connect_tls() const;
  Result<std::string> token() const;
  io::HttpCaller::Handlers handlers_for(RequestId id);
  void succeed();
  void fail(RequestId id, const Failure& failure, bool streaming);

  io::EventLoop& loop_;
  Cluster cluster_;
  ApiAnswers& answers_;
  std::function<void(const LogLine&)> log_;
  io::HttpCaller caller_;
  std::map<RequestId, io::HttpCaller::CallId> calls_;
  std::string trouble_;
  // Ours, so that what was posted knows whether we are still there.
  std::shared_ptr<ApiClient*> self_ = std::make_shared<ApiClient*>(this);
};

}  // namespace weft::kube
