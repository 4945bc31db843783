// A codec of your own: the one of docs/adding-a-codec.md, added to a context and used by an array.
#include "coffer/codec/codec.h"

#include <iostream>
#include <vector>

#include "coffer/array/array.h"

class BoundComplement final : public coffer::BoundBytesToBytes {
 public:
  explicit BoundComplement(int64_t max_decoded_size) : max_decoded_size_(max_decoded_size) {}

  int64_t max_encoded_size() const override { return max_decoded_size_ + 1; }
  bool fixed_size() const override {
    return true;
  }  // The stored size follows from the decoded one.

  coffer::Result<size_t> Encode(std::span<const std::byte> decoded,
                                std::span<std::byte> destination) const override {
    destination[0] = std::byte{0xff};
    for (size_t i = 0; i < decoded.size(); ++i) destination[i + 1] = ~decoded[i];
    return decoded.size() + 1;
  }

  coffer::Result<size_t> Decode(std::span<const std::byte> encoded,
                                std::span<std::byte> destination) const override {
    if (encoded.empty() || encoded[0] != std::byte{0xff}) {
      return coffer::DataLossError("no complement: byte 0 is not 0xff");
    }
    if (encoded.size() - 1 > destination.size()) {
      return coffer::DataLossError("more than the " + std::to_string(destination.size()) +
                                   " bytes expected");
    }
    for (size_t i = 1; i < encoded.size(); ++i) destination[i - 1] = ~encoded[i];
    return encoded.size() - 1;
  }

 private:
  const int64_t max_decoded_size_;
};

class Complement final : public coffer::Codec {
 public:
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "example.complement"; }
  std::string configuration() const override { return ""; }
  coffer::Result<std::unique_ptr<coffer::BoundBytesToBytes>> BindBytesToBytes(
      int64_t max_decoded_size) const override {
    return std::make_unique<BoundComplement>(max_decoded_size);
  }
};

coffer::Status AddComplement(coffer::CodecTable& codecs) {
  return codecs.Add(
      {"example.complement",
       [](std::string_view, const coffer::CodecTable&) -> coffer::Result<coffer::CodecPtr> {
         return std::make_shared<Complement>();
       }});
}

int main() {
  const coffer::Context context = coffer::Context::Create();
  AddComplement(context.Get<coffer::CodecTable>()).OrDie();
  const char* codecs = R"([{"name": "bytes"}, {"name": "example.complement"}])";
  const coffer::Array array =
      coffer::Array::Create("memory://own_codec",
                            {.shape = {4}, .format = {.codecs = codecs}, .context = context})
          .OrDie();
  const std::vector<uint8_t> values = {1, 2, 3, 4};
  array.Write(coffer::Box::Full({4}), coffer::Ref(values.data(), {4})).OrDie();
  const auto stored = coffer::OpenKvStore("memory://own_codec", context).OrDie();
  const coffer::ReadResult chunk = stored->Read("c/0").Get().OrDie();
  std::cout << chunk.value.size() << " bytes stored, " << int{array.Read<uint8_t>({}).OrDie()(3)}
            << " read\n";
  return chunk.value.data()[1] == std::byte{0xfe} && array.Read<uint8_t>({}).OrDie()(3) == 4 ? 0
                                                                                             : 1;
}
