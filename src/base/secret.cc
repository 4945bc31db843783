#include "coffer/base/secret.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "src/base/wipe.h"

namespace coffer::inline v0 {

void Wipe(std::string* text) { OPENSSL_cleanse(text->data(), text->size()); }

void Wipe(std::span<std::byte> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

Secret::Secret(std::string&& text) : Secret(Copy(text)) { v0::Wipe(&text); }

Secret Secret::Copy(std::string_view text) {
  Secret secret;
  if (text.empty()) return secret;
  secret.text_ = std::make_unique<char[]>(text.size());
  secret.size_ = text.size();
  std::copy(text.begin(), text.end(), secret.text_.get());
  return secret;
}

Secret::Secret(const Secret& other) : Secret(Copy(other.Reveal())) {}

Secret::Secret(Secret&& other) noexcept
    : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other);
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  text_ = std::move(other.text_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() {
  if (size_ > 0) OPENSSL_cleanse(text_.get(), size_);
}

void PrintTo(const Secret&, std::ostream* stream) { *stream << "<secret>"; }

bool Secret::Equals(const Secret& other) const {
  if (size_ != other.size_) return false;
  return size_ == 0 || CRYPTO_memcmp(text_.get(), other.text_.get(), size_) == 0;
}

}  // namespace coffer::inline v0
