#include "src/base/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <climits>
#include <memory>

#include "src/base/openssl.h"

namespace coffer::inline v0 {

namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

Status Failed() { return InternalError("OpenSSL cannot compute SHA-256"); }

unsigned char* Out(Sha256Digest& digest) { return reinterpret_cast<unsigned char*>(digest.data()); }

}  // namespace

Result<Sha256Digest> Sha256(std::string_view text) {
  return Sha256(BytesChain(Bytes::Unowned(AsBytes(text))));
}

Result<Sha256Digest> Sha256(const BytesChain& bytes) {
  KeepOpenSsl();
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) return Failed();
  for (const Bytes& piece : bytes.pieces()) {
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) return Failed();
  }
  Sha256Digest digest;
  if (EVP_DigestFinal_ex(context.get(), Out(digest), nullptr) != 1) return Failed();
  return digest;
}

Result<Sha256Digest> HmacSha256(std::span<const std::byte> key, std::string_view text) {
  KeepOpenSsl();
  Sha256Digest digest;
  if (key.size() > INT_MAX || HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                   reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                   Out(digest), nullptr) == nullptr) {
    return Failed();
  }
  return digest;
}

std::string HexOf(std::span<const std::byte> bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text.push_back(kHex[std::to_integer<size_t>(byte >> 4)]);
    text.push_back(kHex[std::to_integer<size_t>(byte & std::byte{15})]);
  }
  return text;
}

}  // namespace coffer::inline v0
