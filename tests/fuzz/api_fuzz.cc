// SPDX-License-Identifier: Apache-2.0
// Arbitrary requests, in a row, to the API of a daemon that keeps some of them waiting. Each must
// be answered exactly once or be waiting, whatever it asks for; then the clients leave.
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"
#include "router/daemon/api.h"
#include "tests/unit/daemon/fake_control.h"

namespace {

using namespace weft;
using namespace weft::daemon;

constexpr std::size_t kRequestsMax = 32;

// The input is a row of lines: METHOD URL [FORM]; a line's first byte holds the request's flags.
io::HttpRequest parse_line(std::string_view line) {
  const unsigned char flags = line.empty() ? 0 : static_cast<unsigned char>(line[0]);
  line.remove_prefix(line.empty() ? 0 : 1);
  const std::size_t method_end = std::min(line.find(' '), line.size());
  std::string_view rest = line.substr(std::min(method_end + 1, line.size()));
  const std::size_t url_end = std::min(rest.find(' '), rest.size());
  std::string url(rest.substr(0, url_end));
  if (!url.starts_with("/")) url.insert(url.begin(), '/');
  io::HttpRequest request = fake::request(std::string(line.substr(0, method_end)), url,
                                          rest.substr(std::min(url_end + 1, rest.size())));
  request.local = (flags & 1) == 0;
  if ((flags & 2) != 0) request.headers["accept"] = "application/json";
  if ((flags & 4) != 0) request.headers["origin"] = "null";
  return request;
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  fake::FakeControl control;
  control.ipam_on = (input[0] & 1) == 0;
  control.wait = (input[0] & 2) != 0;
  control.seen.ready = (input[0] & 4) == 0;
  control.seen.ipam.emplace();
  control.seen.mesh.links.emplace_back();
  control.live_peers = {"host2"};
  input.remove_prefix(1);
  const Api api(control, {.range_tracker = "", .process_stats = [] {
                            return ProcessStats{};
                          }});
  std::vector<std::shared_ptr<fake::FakeExchange>> exchanges;
  while (!input.empty() && exchanges.size() < kRequestsMax) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    exchanges.push_back(std::make_shared<fake::FakeExchange>(parse_line(input.substr(0, end))));
    api.control_handler()(exchanges.back());
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  std::size_t unanswered = 0;
  for (const auto& exchange : exchanges)
    unanswered += exchange->response() ? 0 : 1;
  require(unanswered == control.waiting.size());
  for (const auto& exchange : exchanges) {
    exchange->abort();
    if (!exchange->response()) continue;
    const unsigned status = exchange->response()->status;
    require(status >= 200 && status <= 503);
  }
  require(control.waiting.empty());
  const auto told = control.told.texts(control.seen.now);
  require(told.size() <= Notices::kCountMax);
  for (const std::string& notice : told)
    require(notice.size() <= Notice::kBytesMax && notice.find('\n') == std::string::npos);
  return 0;
}
