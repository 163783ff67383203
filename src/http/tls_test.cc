// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <filesystem>

#include "http/client.h"
#include "http/raw_peer.h"
#include "http/server.h"

namespace kinglet::http {
namespace {

/// A key and a certificate for "localhost" that signs itself, as files.
struct Certificate {
  std::string certificate_file, key_file;

  explicit Certificate(const std::string& name) {
    const std::string stem = testing::TempDir() + fmt::format("kinglet-tls-{}-{}", ::getpid(), name);
    certificate_file = stem + ".pem";
    key_file = stem + ".key";
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* file = std::fopen(certificate_file.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(key_file.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() {
    std::filesystem::remove(certificate_file);
    std::filesystem::remove(key_file);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
};

class PiecesSource final : public BodySource {
 public:
  explicit PiecesSource(bool fails) : fails_(fails) {}
  Task<Result<std::string>> next() override {
    if (index_++ < 3) co_return std::string(100'000, 'x');
    if (fails_) co_return fail(Code::internal, "cut");
    co_return std::string();
  }

 private:
  bool fails_;
  int index_ = 0;
};

Task<Response> answer(Request& request) {
  Response response;
  if (request.path == "/stream") response.stream = std::make_unique<PiecesSource>(false);
  if (request.path == "/cut") response.stream = std::make_unique<PiecesSource>(true);
  auto body = co_await request.body->read_all(64 << 20);
  if (!response.stream) response.body = fmt::format("{} {}", request.tls ? "secret" : "open", body ? body->size() : 0);
  co_return response;
}

TEST(Tls, ServesAndVerifies) {
  IoThreads threads(2);
  const Certificate certificate("a");
  const Certificate other("b");
  ServerOptions options;
  options.tls_certificate_file = certificate.certificate_file;
  options.tls_key_file = certificate.key_file;
  options.limits.head_timeout = std::chrono::milliseconds(300);
  auto server = Server::listen(threads, options, answer);
  ASSERT_TRUE(server) << server.error().message;
  const auto get = [&](std::string host, std::string target, std::string ca_file,
                       std::string body = {}) -> std::string {
    FetchOptions fetching;
    fetching.client.tls_ca_file = std::move(ca_file);
    Url url{.endpoint = {.host = std::move(host), .port = (*server)->port(), .tls = true}};
    auto reply = fetch(
        url, {.method = body.empty() ? "GET" : "POST", .target = std::move(target), .body = std::move(body)}, fetching);
    return reply ? reply->body : std::string(code_name(reply.error().code));
  };
  EXPECT_EQ(get("localhost", "/x", certificate.certificate_file), "secret 0");
  EXPECT_EQ(get("localhost", "/x", certificate.certificate_file, std::string(5 << 20, 'x')), "secret 5242880");
  EXPECT_EQ(get("localhost", "/stream", certificate.certificate_file).size(), 300'000U);
  EXPECT_EQ(get("localhost", "/cut", certificate.certificate_file), "unavailable");
  EXPECT_EQ(get("localhost", "/x", other.certificate_file), "unavailable") << "a certificate nobody trusts";
  EXPECT_EQ(get("localhost", "/x", ""), "unavailable") << "the system does not trust it either";
  EXPECT_EQ(get("127.0.0.1", "/x", certificate.certificate_file), "unavailable") << "another name";

  RawPeer plain((*server)->port());
  plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(plain.read_to_close().find("HTTP/"), std::string::npos);
  EXPECT_TRUE(plain.closed_by_peer());
  RawPeer silent((*server)->port());
  silent.read_to_close();
  EXPECT_TRUE(silent.closed_by_peer()) << "a handshake has a deadline";
}

TEST(Tls, WrongFilesAreErrorsAtTheStart) {
  IoThreads threads(1);
  const Certificate certificate("a");
  const Certificate other("b");
  const auto listen = [&](std::string certificate_file, std::string key_file) {
    ServerOptions options;
    options.tls_certificate_file = std::move(certificate_file);
    options.tls_key_file = std::move(key_file);
    auto server = Server::listen(threads, options, answer);
    return server ? "listens" : std::string(code_name(server.error().code));
  };
  EXPECT_EQ(listen(certificate.certificate_file, certificate.key_file), "listens");
  EXPECT_EQ(listen(certificate.certificate_file, other.key_file), "invalid");
  EXPECT_EQ(listen("/nonexistent", certificate.key_file), "invalid");
  EXPECT_EQ(listen(certificate.certificate_file, ""), "invalid");
}

}  // namespace
}  // namespace kinglet::http
