// Goal: the table finds codecs by name and takes new ones; specs of options become the
// configuration that codecs accept.
#include <gtest/gtest.h>

#include "coffer/codec/codec.h"
#include "src/codec/metadata.h"
#include "tests/support/codecs.h"

namespace coffer {
namespace {

TEST(CodecTable, HasTheBuiltInCodecs) {
  const std::vector<std::string> expected = {
      "blosc", "bytes", "crc32c", "endian", "gzip", "sharding_indexed", "transpose", "zstd"};
  EXPECT_EQ(CodecTable().names(), expected);
}

TEST(CodecTable, NamesAnUnknownCodec) {
  EXPECT_EQ(CodecTable().Make("zfp", "{}").status(),
            UnimplementedError("codec \"zfp\" is not known here"));
}

TEST(CodecTable, TakesANewCodecOnce) {
  CodecTable table;
  const CodecDriver driver{"mine", [](std::string_view, const CodecTable& codecs) {
                             return codecs.Make("crc32c", "{}");
                           }};
  EXPECT_TRUE(table.Add(driver).ok());
  EXPECT_EQ((*table.Make("mine", "{}"))->name(), "crc32c");
  EXPECT_EQ(table.Add(driver), AlreadyExistsError("codec \"mine\" is already known"));
  EXPECT_FALSE(CodecTable().Make("mine", "{}").ok());  // Tables share nothing.
}

TEST(CodecTable, PassesTheConfigurationOn) {
  EXPECT_EQ(CodecTable().Make("gzip", R"({"level": 10})").status(),
            InvalidArgumentError("at $.level: expected an integer from 0 to 9, got 10"));
}

// A codec that implements no Bind.
class Idle : public Codec {
 public:
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "idle"; }
  std::string configuration() const override { return ""; }
};

TEST(Codec, BindsOnlyToItsOwnKind) {
  const ChunkSpec chunk = testing::ChunkOf<uint8_t>({4});
  EXPECT_EQ(Idle().BindArrayToArray(chunk).status(),
            InternalError("codec \"idle\" does not turn arrays into arrays"));
  EXPECT_EQ(Idle().BindArrayToBytes(chunk).status(),
            InternalError("codec \"idle\" does not turn arrays into bytes"));
  EXPECT_EQ(Idle().BindBytesToBytes(4).status(),
            InternalError("codec \"idle\" does not turn bytes into bytes"));
}

TEST(CodecSpec, NamesWhatMakeAccepts) {
  const CodecTable table;
  for (const CodecSpec& spec : {Zstd(), Zstd(-7), Gzip(), Gzip(9), Blosc(), Blosc("zstd", 9, ""),
                                Blosc("lz4hc", 1, "bitshuffle"), Blosc("zlib", 0, "noshuffle")}) {
    for (DataType type : {DataType::kUint8, DataType::kFloat64, DataType::Raw(300)}) {
      const Result<CodecSpec> resolved = ResolveCodecSpec(spec, type);
      ASSERT_TRUE(resolved.ok()) << resolved.status();
      EXPECT_TRUE(table.Make(resolved->name, resolved->configuration).ok()) << spec.configuration;
    }
  }
}

TEST(CodecSpec, ResolvesBloscByTheDataType) {
  EXPECT_EQ(ResolveCodecSpec(Blosc(), DataType::kUint16)->configuration,
            R"({"cname":"lz4","clevel":5,"shuffle":"shuffle","typesize":2,"blocksize":0})");
  EXPECT_EQ(ResolveCodecSpec(Blosc(), DataType::kInt8)->configuration,
            R"({"cname":"lz4","clevel":5,"shuffle":"noshuffle","typesize":1,"blocksize":0})");
  EXPECT_EQ(ResolveCodecSpec(Blosc("zstd", 1, "bitshuffle"), DataType::kComplex128)->configuration,
            R"({"cname":"zstd","clevel":1,"shuffle":"bitshuffle","typesize":16,"blocksize":0})");
  const CodecSpec own{"blosc", R"({"typesize":3,"shuffle":"shuffle","blocksize":9})"};
  EXPECT_EQ(ResolveCodecSpec(own, DataType::kUint16)->configuration,
            R"({"typesize":3,"shuffle":"shuffle","blocksize":9})");
  EXPECT_EQ(ResolveCodecSpec(Zstd(5), DataType::kUint16)->configuration,
            R"({"level":5,"checksum":false})");
  EXPECT_EQ(ResolveCodecSpec({"blosc", "[]"}, DataType::kUint16).status(),
            InvalidArgumentError("at $: expected an object, got []"));
  EXPECT_EQ(ResolveCodecSpec(Uncompressed(), DataType::kUint16)->name, "");
}

}  // namespace
}  // namespace coffer
