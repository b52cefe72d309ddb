// SPDX-License-Identifier: Apache-2.0
// A command line of weaver's that is put together from several sources: of a flag that is given
// twice the later one stays, as Weave's weaver took it, where ours would refuse the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft::kube {

class ArgumentList {
 public:
  // In the form "--name=value", or "--name" of a flag without value.
  void set(std::string_view name, const std::string& value);
  void set(std::string_view name);
  // Arguments as a person wrote them: values may follow their flag, and what is no flag is a peer.
  void add(const std::vector<std::string>& words);

  bool has(std::string_view name) const;
  const std::vector<std::string>& flags() const { return flags_; }
  const std::vector<std::string>& peers() const { return peers_; }
  // The value of --name=value; empty if it is not there.
  std::string value(std::string_view name) const;

 private:
  std::vector<std::string> flags_, peers_;
};

// At blanks of any kind; no quoting, as the shell splits an unquoted variable.
std::vector<std::string> words_of(std::string_view text);

}  // namespace weft::kube
