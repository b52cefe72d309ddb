// SPDX-License-Identifier: Apache-2.0
// What the agent has to say to an operator, where he looks first: in weaver's status. While weaver
// runs it is told; before it is started the agent answers in its place.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/kube/agent/daemon_api.h"
#include "plugin/kube/agent/log.h"
#include "router/io/http_server.h"

namespace weft::kube {

// weaver takes no more, and no longer ones (docs/reference/http-api.md, POST /notices).
inline constexpr std::size_t kNoticesMax = 16;
inline constexpr std::size_t kNoticeBytesMax = 1024;

// One line each, beginning with our name, within weaver's limits; the last one tells how many more
// there are.
std::vector<std::string> as_notices(const std::vector<std::string>& sentences);

// What is answered in weaver's place: 503 to everything. `notices` are as above; those who read
// status or report get them in that form.
io::HttpResponse stand_in_answer(const io::HttpRequest& request, const std::string& node,
                                 const std::vector<std::string>& notices);

using Sentences = std::function<std::vector<std::string>()>;

class Notifier {
 public:
  // How soon a change shows, and how often what did not change is told again: weaver forgets after
  // two minutes.
  static constexpr Duration kLook = std::chrono::seconds(2);
  static constexpr Duration kRepeat = std::chrono::seconds(30);

  // `loop` and `daemon` outlive this.
  Notifier(io::EventLoop& loop, DaemonApi& daemon, Sentences sentences);
  void on_daemon_up();  // answers for the first time since it was started, and knows nothing

 private:
  void look();

  io::EventLoop& loop_;
  DaemonApi& daemon_;
  Sentences sentences_;
  io::Timer timer_;
  std::vector<std::string> told_;
  TimePoint told_at_;
  bool known_ = false;  // weaver has what told_ says
};

// Listens at weaver's address for as long as it lives, so that `weave status` has an answer. If
// somebody else listens there, the log says so.
std::unique_ptr<io::HttpServer> stand_in_for_weaver(io::EventLoop& loop, const io::HttpAddress& at,
                                                    const std::string& node, Sentences sentences,
                                                    const Log& log);

}  // namespace weft::kube
