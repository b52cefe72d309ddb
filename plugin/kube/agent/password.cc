// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/password.h"

#include <cstdint>

namespace weft::kube {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string random_password(Rng& rng) {
  Bytes bytes(kPasswordEntropy);
  rng.fill(bytes);
  std::string out = base64(as_text(bytes));
  while (out.ends_with('='))
    out.pop_back();
  return out;
}

std::optional<std::string> password_in(const Json& secret, const std::string& key) {
  const Json* data = member(secret, "data");
  if (data == nullptr) return std::nullopt;
  auto text = from_base64(text_of(*data, key.c_str()));
  if (!text || text->empty()) return std::nullopt;
  return text;
}

}  // namespace

std::string base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6)
      out += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) out += kDigits[bits << (6 - count) & 63];
  while (out.size() % 4 != 0)
    out += '=';
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding)
    text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 255);
  }
  return out;
}

Password::Password(Config config, Rng& rng, RequestIds& ids,
                   std::function<void(std::string)> on_known)
    : config_(std::move(config)),
      object_(
          {.api_version = "v1",
           .kind = "Secret",
           .collection = "/api/v1/namespaces/" + percent_encode(config_.name_space) + "/secrets",
           .name_space = config_.name_space,
           .name = config_.secret},
          rng, ids),
      ours_(random_password(rng)),
      on_known_(std::move(on_known)) {}

void Password::start(TimePoint now, Effects& out) {
  object_.begin(
      now, [this](Json& object) { return edit(object); }, out);
}

bool Password::edit(Json& object) {
  if (password_in(object, config_.secret)) return false;
  object_in(object, "data")[config_.secret] = base64(ours_);
  return true;
}

void Password::on_response(TimePoint now, RequestId id, const HttpResponse& response,
                           Effects& out) {
  const auto done = object_.on_response(now, id, response, out);
  if (!done) return;
  if (auto password = password_in(*done, config_.secret)) on_known_(std::move(*password));
}

}  // namespace weft::kube
