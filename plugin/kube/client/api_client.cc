// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/client/api_client.h"

#include <algorithm>

#include "base/text.h"
#include "plugin/kube/client/tls.h"
#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

// A watch and a few requests of each machine; more is a fault of ours.
constexpr std::size_t kCallsMax = 64;
// Of a packet to a server that is gone, and back from one far away.
constexpr std::chrono::seconds kConnectTimeout{5};

std::optional<std::chrono::seconds> retry_after_of(const io::HttpResponse& response) {
  const auto header = response.headers.find("retry-after");
  if (header == response.headers.end()) return std::nullopt;
  const auto seconds = parse_u64(trim(header->second));
  if (!seconds) return std::nullopt;
  const auto most = static_cast<std::uint64_t>(kRetryAfterMax.count());
  return std::chrono::seconds(std::min(*seconds, most));
}

}  // namespace

ApiClient::ApiClient(io::EventLoop& loop, Cluster cluster, ApiAnswers& answers,
                     std::function<void(const LogLine&)> log)
    : loop_(loop),
      cluster_(std::move(cluster)),
      answers_(answers),
      log_(std::move(log)),
      caller_(loop, {.server = cluster_.server,
                     .filter = cluster_.tls ? [this] { return connect_tls(); }
                                            : std::function<Result<std::unique_ptr<
                                                  io::StreamFilter>>()>(),
                     .connect_timeout = kConnectTimeout,
                     .calls_max = kCallsMax}) {}

Result<std::unique_ptr<io::StreamFilter>> ApiClient::connect_tls() const {
  auto pem = read_file(cluster_.ca_file, kCaFileMax);
  if (!pem)
    return Error{pem.error().code, pem.error().sys_errno, "cannot read the file of authorities"};
  return make_tls_client({.ca_pem = *pem, .host = cluster_.server.host});
}

Result<std::string> ApiClient::token() const {
  if (cluster_.token_file.empty()) return std::string();
  auto text = read_file(cluster_.token_file, kTokenMax);
  if (!text) return Error{text.error().code, text.error().sys_errno, "cannot read the token"};
  return std::string(trim(*text));
}

void ApiClient::send(const Send& send) {
  const HttpRequest& request = send.request;
  auto bearer = token();
  if (!bearer) {
    calls_[send.id] = 0;
    loop_.post([self = std::weak_ptr(self_), id = send.id, why = bearer.error()] {
      const auto living = self.lock();
      if (!living || (*living)->calls_.count(id) == 0) return;
      (*living)->fail(id, {.error = why, .subject = (*living)->cluster_.token_file, .hint = {}},
                      false);
    });
    return;
  }
  io::HttpCall what;
  what.method = request.method;
  what.target = request.target;
  what.body = request.body;
  what.timeout = request.timeout;
  what.body_max = kResponseBodyMax;
  what.headers["Accept"] = "application/json";
  if (!bearer->empty()) what.headers["Authorization"] = "Bearer " + *bearer;
  if (!request.body.empty()) {
    const bool named = !request.content_type.empty();
    what.headers["Content-Type"] = named ? request.content_type : "application/json";
  }
  calls_[send.id] =
      caller_.start({.what = std::move(what), .stream = request.stream}, handlers_for(send.id));
}

io::HttpCaller::Handlers ApiClient::handlers_for(RequestId id) {
  const auto streaming = std::make_shared<bool>(false);
  return {.on_response =
              [this, id](const io::HttpResponse& response) {
                calls_.erase(id);
                succeed();
                answers_.on_response(id, {.status = static_cast<int>(response.status),
                                          .retry_after = retry_after_of(response),
                                          .body = response.body});
              },
          .on_open =
              [this, id, streaming](const io::HttpResponse& head) {
                *streaming = true;
                succeed();
                answers_.on_stream_open(id, static_cast<int>(head.status), retry_after_of(head));
              },
          .on_bytes =
              [this, id](std::string_view bytes) { answers_.on_stream_bytes(id, as_bytes(bytes)); },
          .on_end =
              [this, id] {
                calls_.erase(id);
                answers_.on_stream_end(id, StreamEnd::complete);
              },
          .on_failure =
              [this, id, streaming](const Failure& failure) {
                fail(id, failure, *streaming);
              }};
}

void ApiClient::cancel(RequestId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  if (found->second != 0) caller_.cancel(found->second);
  calls_.erase(found);
}

void ApiClient::succeed() {
  if (trouble_.empty()) return;
  trouble_.clear();
  log_({.level = LogLevel::info,
        .component = "api",
        .peer = {},
        .address = server(),
        .text = "the API server answers"});
}

void ApiClient::fail(RequestId id, const Failure& failure, bool streaming) {
  calls_.erase(id);
  const bool cut = streaming && failure.error.code == Errc::truncated;
  // A watch that breaks off is everyday life; whether the server is there shows at the next.
  if (cut) return answers_.on_stream_end(id, StreamEnd::cut_short);
  std::string why = failure.text();
  if (why != trouble_) {
    trouble_ = std::move(why);
    log_({.level = LogLevel::warning,
          .component = "api",
          .peer = {},
          .address = server(),
          .text = "no answer from the API server: " + trouble_});
  }
  answers_.on_failure(id, failure.error);
}

}  // namespace weft::kube
