// Goal: the digests are SHA-256's and HMAC's.
// Method: the examples of FIPS 180-2 and RFC 4231; and once while the process exits.
#include "src/base/sha256.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace coffer {
namespace {

TEST(Sha256, ExamplesOfTheStandard) {
  EXPECT_EQ(HexOf(Sha256("").OrDie()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexOf(Sha256("abc").OrDie()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf(Sha256(std::string(1'000'000, 'a')).OrDie()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfAChainIsOfItsPieces) {
  BytesChain chain;
  EXPECT_EQ(Sha256(chain).OrDie(), Sha256("").OrDie());
  chain.Append(Bytes::Copy("a"));
  chain.Append(Bytes::Copy("bc"));
  EXPECT_EQ(Sha256(chain).OrDie(), Sha256("abc").OrDie());
}

TEST(Sha256, HmacExamplesOfTheRfc) {
  EXPECT_EQ(HexOf(HmacSha256(AsBytes("Jefe"), "what do ya want for nothing?").OrDie()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(
      HexOf(HmacSha256(AsBytes(long_key), "Test Using Larger Than Block-Size Key - Hash Key First")
                .OrDie()),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// Threads of a context may sign requests while the process exits.
TEST(Sha256, IsThereUntilTheProcessHasEnded) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // In a process that has not used OpenSSL.
  const auto exit = [] {
    std::atexit([] { _exit(Sha256("abc").ok() ? 0 : 1); });  // Later than what is registered now.
    static_cast<void>(Sha256("abc"));
    std::exit(2);
  };
  EXPECT_EXIT(exit(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace coffer
