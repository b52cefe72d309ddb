// SPDX-License-Identifier: Apache-2.0
#include "authority.h"

#include <array>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace weft::kube {
namespace {

struct Issuing {
  X509* issuer = nullptr;  // none: signs itself
  EVP_PKEY* issuer_key = nullptr;
  const char* name = "";
  std::string alternative_names;
  bool authority = false;
  long valid_from = -3600, valid_until = 3600;
};

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Authority::Leaf make(const Issuing& issuing) {
  const std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::shared_ptr<X509> made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  static_cast<void>(ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuing.authority ? 1 : 2));
  X509_gmtime_adj(X509_getm_notBefore(made.get()), issuing.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), issuing.valid_until);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(issuing.name), -1, -1, 0);
  X509* issuer = issuing.issuer != nullptr ? issuing.issuer : made.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  if (issuing.authority) {
    extend(made.get(), issuer, NID_basic_constraints, "critical,CA:TRUE");
    extend(made.get(), issuer, NID_subject_key_identifier, "hash");
  } else {
    extend(made.get(), issuer, NID_authority_key_identifier, "keyid:always");
  }
  if (!issuing.alternative_names.empty()) {
    extend(made.get(), issuer, NID_subject_alt_name, issuing.alternative_names);
  }
  X509_sign(made.get(), issuing.issuer_key != nullptr ? issuing.issuer_key : key.get(),
            EVP_sha256());
  return {made, key};
}

}  // namespace

Authority::Authority() : self_(make({.name = "test authority", .authority = true})) {}

std::string Authority::pem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, self_.certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string out(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  return out;
}

Authority::Leaf Authority::issue(const LeafOptions& options) const {
  return make({.issuer = self_.certificate.get(),
               .issuer_key = self_.key.get(),
               .name = "api server",
               .alternative_names = options.alternative_names,
               .valid_from = options.valid_from,
               .valid_until = options.valid_until});
}

TlsServer::TlsServer(const Authority::Leaf& leaf)
    : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  SSL_CTX_use_certificate(context_.get(), leaf.certificate.get());
  SSL_CTX_use_PrivateKey(context_.get(), leaf.key.get());
  session_ = std::shared_ptr<SSL>(SSL_new(context_.get()), SSL_free);
  SSL_set_bio(session_.get(), in_, out_);
  SSL_set_accept_state(session_.get());
}

void TlsServer::receive(ByteView in, Bytes& wire) {
  std::array<char, 4096> piece{};
  BIO_write(in_, in.data(), static_cast<int>(in.size()));
  for (int n = 0; (n = SSL_read(session_.get(), piece.data(), piece.size())) > 0;) {
    heard_.append(piece.data(), static_cast<std::size_t>(n));
    SSL_write(session_.get(), piece.data(), n);
  }
  for (int n = 0; (n = BIO_read(out_, piece.data(), piece.size())) > 0;)
    append(wire, as_bytes(std::string_view(piece.data(), static_cast<std::size_t>(n))));
}

}  // namespace weft::kube
