// SPDX-License-Identifier: Apache-2.0
// A daemon that dies while it answers: it reads a request, sends the beginning of a reply, and
// closes.
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace weft::cni {

class CuttingDaemon {
 public:
  CuttingDaemon(const std::string& path, std::string_view beginning) : beginning_(beginning) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path.c_str());
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 16) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  CuttingDaemon(const CuttingDaemon&) = delete;
  CuttingDaemon& operator=(const CuttingDaemon&) = delete;
  ~CuttingDaemon() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

 private:
  void serve() {
    while (true) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      std::array<char, 4096> request{};
      static_cast<void>(::read(client, request.data(), request.size()));
      static_cast<void>(::send(client, beginning_.data(), beginning_.size(), MSG_NOSIGNAL));
      ::close(client);
    }
  }

  std::string beginning_;
  int listener_ = -1;
  std::thread thread_;
};

}  // namespace weft::cni
