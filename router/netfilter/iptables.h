// SPDX-License-Identifier: Apache-2.0
// Runs iptables' and ipset's programs: the one place where that is done. iptables has two backends,
// whose rules are in different parts of the kernel; what is in one is changed through that one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::netfilter {

class Iptables {
 public:
  // Backends that can hold rules here: their programs are installed, and the kernel has such
  // tables. In the calling thread's network namespace, as all that follows.
  static std::vector<Iptables> present();

  const std::string& name() const {
    return name_;
  }  // "iptables-legacy", "iptables-nft", "iptables"
  // Output of iptables-save, of one table or of all. Of a legacy table that is not there yet: an
  // empty text, and it is not made by asking.
  Result<std::string> save(std::string_view table = {}) const;
  // Carries `input` out, each table's part at once and whole, and leaves what is there.
  Result<> restore(const std::string& input) const;
  // What the program said when restore failed; for people.
  const std::string& last_message() const { return message_; }

 private:
  Iptables(std::string name, std::string save, std::string restore)
      : name_(std::move(name)), save_(std::move(save)), restore_(std::move(restore)) {}

  std::string name_;
  std::string save_;
  std::string restore_;
  mutable std::string message_;
};

// Names of all ipsets, a line each; empty if the program or the kernel's part is missing.
std::string list_sets();
// Carries out commands of ipset; what it said, or "" if all went well.
std::string restore_sets(const std::string& input);

}  // namespace weft::netfilter
