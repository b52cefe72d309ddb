// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/client/tls.h"

#include <array>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "router/io/stream_address.h"

namespace weft::kube {
namespace {

// A TLS record's payload.
constexpr std::size_t kPieceMax = 16 * 1024;

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* what) const {
    release(what);
  }
};
using Context = std::unique_ptr<SSL_CTX, Releaser<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Releaser<SSL_free>>;
using Memory = std::unique_ptr<BIO, Releaser<BIO_free>>;
using Certificate = std::unique_ptr<X509, Releaser<X509_free>>;

// What OpenSSL says of its last failure; its queue is empty afterwards.
std::string openssl_reason() {
  std::string out;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    out = reason != nullptr ? reason : "unknown";
  }
  return out;
}

// False: not one certificate.
bool trust(SSL_CTX& context, const std::string& pem) {
  const Memory in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  int count = 0;
  while (Certificate one{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
    count += X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), one.get());
  }
  ERR_clear_error();  // the end of the file is an error to it
  return count > 0;
}

// The certificate must be for this address or this name, which a server with many is told as well.
bool expect_host(SSL& session, const std::string& host) {
  if (io::StreamAddress::literal(host, 0)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&session), host.c_str()) == 1;
  }
  SSL_set_hostflags(&session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(&session, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(&session, host.c_str()) == 1;
}

class TlsClient final : public io::StreamFilter {
 public:
  TlsClient(Context context, Session session)
      : context_(std::move(context)),
        session_(std::move(session)),
        in_(BIO_new(BIO_s_mem())),
        out_(BIO_new(BIO_s_mem())) {
    SSL_set_bio(session_.get(), in_, out_);  // which owns them now
    SSL_set_connect_state(session_.get());
  }

  Result<> begin(Bytes& wire) override { return shake_hands(wire); }

  Result<> receive(ByteView in, Bytes& plain, Bytes& wire) override {
    if (BIO_write(in_, in.data(), static_cast<int>(in.size())) != static_cast<int>(in.size())) {
      return Error{Errc::too_large, 0, "TLS: no memory for what came"};
    }
    if (!ready_) {
      if (auto shaken = shake_hands(wire); !shaken || !ready_) return shaken;
    }
    auto opened = open_records(plain);
    drain(wire);
    return opened;
  }

  Result<> send(ByteView plain, Bytes& wire) override {
    while (!plain.empty()) {
      const int size = static_cast<int>(std::min(plain.size(), kPieceMax));
      if (SSL_write(session_.get(), plain.data(), size) != size) return fail("TLS: cannot send");
      plain = plain.subspan(static_cast<std::size_t>(size));
    }
    drain(wire);
    return {};
  }

  bool ready() const override { return ready_; }
  std::string detail() const override { return detail_; }

 private:
  Result<> shake_hands(Bytes& wire) {
    ERR_clear_error();
    const int done = SSL_do_handshake(session_.get());
    drain(wire);
    if (done == 1) {
      ready_ = true;
      return {};
    }
    if (SSL_get_error(session_.get(), done) == SSL_ERROR_WANT_READ) return {};
    const long verdict = SSL_get_verify_result(session_.get());
    if (verdict == X509_V_OK) return fail("TLS: the handshake failed");
    ERR_clear_error();
    detail_ = X509_verify_cert_error_string(verdict);
    return Error{Errc::refused, 0, "TLS: the server's certificate is not to be trusted"};
  }

  Result<> open_records(Bytes& plain) {
    std::array<std::byte, kPieceMax> piece{};
    while (true) {
      ERR_clear_error();
      const int n = SSL_read(session_.get(), piece.data(), static_cast<int>(piece.size()));
      if (n > 0) {
        append(plain, ByteView(piece).first(static_cast<std::size_t>(n)));
        continue;
      }
      const int why = SSL_get_error(session_.get(), n);
      // After its farewell the connection's end follows.
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_ZERO_RETURN) return {};
      return fail("TLS: what came cannot be opened");
    }
  }

  void drain(Bytes& wire) {
    std::array<std::byte, kPieceMax> piece{};
    for (int n = 0; (n = BIO_read(out_, piece.data(), static_cast<int>(piece.size()))) > 0;)
      append(wire, ByteView(piece).first(static_cast<std::size_t>(n)));
  }

  Error fail(std::string_view what) {
    detail_ = openssl_reason();
    return {Errc::bad_value, 0, what};
  }

  Context context_;
  Session session_;
  BIO* in_;   // from the wire
  BIO* out_;  // to the wire
  bool ready_ = false;
  std::string detail_;
};

}  // namespace

Result<std::unique_ptr<io::StreamFilter>> make_tls_client(const TlsOptions& options) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return Error{Errc::system, 0, "TLS: OpenSSL cannot be used"};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!trust(*context, options.ca_pem)) {
    return Error{Errc::bad_value, 0, "TLS: the file of authorities has no certificate in it"};
  }
  Session session(SSL_new(context.get()));
  if (!session || !expect_host(*session, options.host)) {
    return Error{Errc::bad_value, 0, "TLS: the server's name is no host name"};
  }
  return std::unique_ptr<io::StreamFilter>(
      std::make_unique<TlsClient>(std::move(context), std::move(session)));
}

}  // namespace weft::kube
