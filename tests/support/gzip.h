// ZlibGzip: gzip as zlib writes it, which is how others write it.
#ifndef COFFER_TESTS_SUPPORT_GZIP_H_
#define COFFER_TESTS_SUPPORT_GZIP_H_

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstddef>
#include <span>
#include <vector>

namespace coffer::inline v0::testing {

/// One member, with the fields that `header` asks for.
inline std::vector<std::byte> ZlibGzip(std::span<const std::byte> in, gz_header* header = nullptr) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  if (header != nullptr) {
    EXPECT_EQ(deflateSetHeader(&stream, header), Z_OK);
  }
  std::vector<std::byte> out(deflateBound(&stream, in.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_GZIP_H_
