// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/api_call.h"

namespace weft::daemon {

io::HttpResponse text_reply(unsigned status, std::string text) {
  if (text.empty()) return empty_reply(status);
  io::HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

io::HttpResponse json_reply(std::string text) {
  io::HttpResponse response;
  response.content_type = "application/json";
  response.body = std::move(text);
  return response;
}

io::HttpResponse error_reply(unsigned status, std::string_view message) {
  io::HttpResponse response;
  response.status = status;
  response.body = std::string(message) + "\n";
  response.headers.emplace("X-Content-Type-Options", "nosniff");
  return response;
}

io::HttpResponse empty_reply(unsigned status) {
  io::HttpResponse response;
  response.status = status;
  response.content_type.clear();
  return response;
}

io::HttpResponse not_found_reply() {
  return error_reply(404, "404 page not found");
}

void answer_later(const ApiCall& call, const std::function<ipam::RequestId(IpamCallback)>& start,
                  std::function<io::HttpResponse(const IpamOutcome&)> word) {
  auto answered = std::make_shared<bool>(false);
  const ipam::RequestId request =
      start([exchange = call.exchange, answered, word = std::move(word)](const IpamOutcome& o) {
        *answered = true;
        exchange->reply(word(o));
      });
  if (*answered) return;
  Control& control = call.control;
  call.exchange->on_abort([&control, answered, request] {
    if (!*answered) control.cancel(request);
    *answered = true;
  });
}

}  // namespace weft::daemon
