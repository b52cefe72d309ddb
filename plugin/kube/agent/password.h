// SPDX-License-Identifier: Apache-2.0
// The mesh's password where nobody gave one: whichever agent comes first puts a random one into the
// Secret, and all take what is there. So traffic is encrypted unless somebody decides otherwise.
#pragma once

#include <functional>
#include <string>

#include "plugin/kube/core/compare_and_swap.h"

namespace weft::kube {

// Bytes of randomness in a password of ours, 43 characters.
inline constexpr std::size_t kPasswordEntropy = 32;

class Password {
 public:
  struct Config {
    std::string name_space = "kube-system";
    std::string secret;  // its name; the password is under the key of the same name, as Weave's
  };
  // `rng` (of cryptographic quality) and `ids` outlive this.
  Password(Config config, Rng& rng, RequestIds& ids, std::function<void(std::string)> on_known);

  void start(TimePoint now, Effects& out);
  void on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out);
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) {
    object_.on_failure(now, id, error, out);
  }
  void on_deadline(TimePoint now, Effects& out) { object_.on_deadline(now, out); }
  std::optional<TimePoint> next_deadline() const { return object_.next_deadline(); }
  const std::string& last_error() const { return object_.last_error(); }

 private:
  bool edit(Json& object);

  Config config_;
  CompareAndSwap object_;
  std::string ours_;  // what we would put there
  std::function<void(std::string)> on_known_;
};

// Standard base64, as the data of a Secret. nullopt: not that.
std::string base64(std::string_view text);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace weft::kube
