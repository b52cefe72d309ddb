// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/notices.h"

#include "base/json/json.h"
#include "base/text.h"
#include "plugin/kube/core/troubles.h"

namespace weft::kube {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kUnavailable = 503;
constexpr std::string_view kMore = " …";

// At most so many bytes, and no piece of a character at the end.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max - kMore.size();
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (end > 0 && continues(end))
    --end;
  return text.substr(0, end).append(kMore);
}

// Some of it are the words of servers: no line is forged and no terminal steered by them.
std::string on_one_line(std::string text) {
  for (char& c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) c = ' ';
  }
  return text;
}

// As weaver's own overview has them: labels end in the same column.
std::string overview(const std::string& node, const std::vector<std::string>& notices) {
  std::string out =
      "        Version: " WEFT_VERSION "\n\n        Service: kube\n           Node: " + node +
      "\n         Status: weaver is not started\n\n";
  for (const std::string& notice : notices)
    out += "       Degraded: " + notice + "\n";
  return out;
}

std::string json_overview(const std::vector<std::string>& notices) {
  const Json out = {{"Ready", false}, {"Version", WEFT_VERSION}, {"Degraded", notices}};
  return out.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool wants_json(const io::HttpRequest& request) {
  if (request.path != "/report" && !request.path.starts_with("/status")) return false;
  const auto accept = request.headers.find("accept");
  return request.parameter("format") == "json" ||
         (accept != request.headers.end() &&
          accept->second.find("application/json") != std::string::npos);
}

}  // namespace

std::vector<std::string> as_notices(const std::vector<std::string>& sentences) {
  std::vector<std::string> out;
  for (const std::string& sentence : sentences) {
    if (out.size() + 1 == kNoticesMax && sentences.size() > kNoticesMax) {
      const std::size_t rest = sentences.size() - out.size();
      out.push_back(std::string(kOwnPrefix) + "and " + std::to_string(rest) +
                    " more, in its /status");
      return out;
    }
    out.push_back(cut(on_one_line(std::string(kOwnPrefix) + sentence), kNoticeBytesMax));
  }
  return out;
}

io::HttpResponse stand_in_answer(const io::HttpRequest& request, const std::string& node,
                                 const std::vector<std::string>& notices) {
  io::HttpResponse response;
  response.status = kUnavailable;
  if (wants_json(request)) {
    response.content_type = "application/json";
    response.body = json_overview(notices);
  } else {
    response.body =
        request.path == "/status" ? overview(node, notices) : join(notices, "\n") + "\n";
  }
  return response;
}

Notifier::Notifier(io::EventLoop& loop, DaemonApi& daemon, Sentences sentences)
    : loop_(loop),
      daemon_(daemon),
      sentences_(std::move(sentences)),
      timer_(loop, [this] { look(); }) {}

void Notifier::on_daemon_up() {
  known_ = false;
  look();
}

void Notifier::look() {
  timer_.arm(loop_.now() + kLook);
  std::vector<std::string> notices = as_notices(sentences_());
  if (known_ && notices == told_ && loop_.now() < told_at_ + kRepeat) return;
  told_ = std::move(notices);
  told_at_ = loop_.now();
  known_ = true;
  daemon_.tell(told_, [this](bool well) { known_ = known_ && well; });
}

std::unique_ptr<io::HttpServer> stand_in_for_weaver(io::EventLoop& loop, const io::HttpAddress& at,
                                                    const std::string& node, Sentences sentences,
                                                    const Log& log) {
  auto server = io::HttpServer::listen(
      loop, at,
      [node, say = std::move(sentences)](const std::shared_ptr<io::HttpExchange>& exchange) {
        exchange->reply(stand_in_answer(exchange->request(), node, as_notices(say())));
      });
  if (server) return std::move(*server);
  log(line(LogLevel::warning, "main",
           "somebody else is at weaver's address " + at.text() + ": " + to_string(server.error())));
  return nullptr;
}

}  // namespace weft::kube
