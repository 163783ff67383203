// SPDX-License-Identifier: Apache-2.0
#include "catalog/secret_box.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "base/check.h"
#include "catalog/ids.h"

namespace kinglet::catalog::internal {

namespace {

constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr char format_version = 1;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

Result<SecretBox> SecretBox::create(const std::filesystem::path& key_file) {
  SecretBox box;
  CHECK(RAND_bytes(box.key_.data(), key_size) == 1, "a key needs the system's random generator");
  const int file = ::open(key_file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail(Code::unavailable, "the key file of the secrets cannot be made: {}", std::strerror(errno));
  const bool written = ::write(file, box.key_.data(), key_size) == static_cast<ssize_t>(key_size) && ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  const int folder = ::open(key_file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool listed = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  if (!written || !listed) {
    ::unlink(key_file.c_str());
    return fail(Code::unavailable, "the key file of the secrets cannot be written: {}", std::strerror(error));
  }
  return box;
}

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_file) {
  SecretBox box;
  const int file = ::open(key_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(Code::unavailable,
                "the key file of the secrets (secrets.key) cannot be read: {}; restore it from a backup",
                std::strerror(errno));
  std::array<unsigned char, key_size + 1> buffer{};
  const ssize_t size = ::read(file, buffer.data(), buffer.size());
  ::close(file);
  if (size != static_cast<ssize_t>(key_size))
    return fail(Code::unavailable, "the key file of the secrets (secrets.key) must hold exactly {} bytes", key_size);
  std::copy_n(buffer.begin(), key_size, box.key_.begin());
  return box;
}

std::string SecretBox::seal(std::string_view place, std::string_view value) const {
  std::string out(1 + nonce_size + value.size() + tag_size, '\0');
  out[0] = format_version;
  unsigned char* const nonce = bytes(out) + 1;
  unsigned char* const cipher = nonce + nonce_size;
  CHECK(RAND_bytes(nonce, nonce_size) == 1, "a nonce needs the system's random generator");
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  bool good = context && EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1;
  good = good && EVP_EncryptUpdate(context.get(), nullptr, &size, bytes(place), static_cast<int>(place.size())) == 1;
  good = good && EVP_EncryptUpdate(context.get(), cipher, &size, bytes(value), static_cast<int>(value.size())) == 1;
  good = good && EVP_EncryptFinal_ex(context.get(), cipher + value.size(), &size) == 1;
  good = good && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, cipher + value.size()) == 1;
  CHECK(good, "AES-256-GCM takes any value of a bounded size");
  return base64url_encode(out);
}

Result<std::string> SecretBox::unseal(std::string_view place, std::string_view sealed) const {
  const auto wrong = [] {
    return fail(Code::internal,
                "the secret cannot be decrypted: the key file belongs to other data, or the value is damaged");
  };
  Result<std::string> raw = base64url_decode(sealed);
  if (!raw || raw->size() < 1 + nonce_size + tag_size || raw->front() != format_version) return wrong();
  const std::size_t value_size = raw->size() - 1 - nonce_size - tag_size;
  unsigned char* const nonce = bytes(*raw) + 1;
  unsigned char* const cipher = nonce + nonce_size;
  std::string value(value_size, '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  bool good = context && EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1;
  good = good && EVP_DecryptUpdate(context.get(), nullptr, &size, bytes(place), static_cast<int>(place.size())) == 1;
  good = good && EVP_DecryptUpdate(context.get(), bytes(value), &size, cipher, static_cast<int>(value_size)) == 1;
  good = good && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, cipher + value_size) == 1;
  good = good && EVP_DecryptFinal_ex(context.get(), bytes(value) + value_size, &size) == 1;
  if (!good) return wrong();
  return value;
}

}  // namespace kinglet::catalog::internal
